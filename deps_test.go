package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/assay-ml/assay/"
	gomlx  = "github.com/gomlx/gomlx"
)

// rules say what packages must not reach, even through others. Arrows point the
// way values travel when recording: cell → experiments → store. Models know
// nothing of runs.
var rules = []struct {
	from   string // a package, or a tree of them if it ends in "/..."
	never  []string
	reason string
}{
	{"store", []string{"net/http", gomlx, module + "experiments", module + "kernel", module + "gomlx_models"},
		"the store knows SQL and bytes, and every cell links it"},
	{"gomlx_models", []string{gomlx, module + "store", module + "experiments"},
		"the vocabulary is spoken by charts and pages, which must not link XLA"},
	{"gomlx_models/score", []string{gomlx, module + "store", module + "experiments"},
		"judging is plain Go, the same for every model"},
	{"gomlx_models/table", []string{gomlx, module + "store", module + "experiments"},
		"tables are plain Go"},
	{"gomlx_models/...", []string{module + "store", module + "experiments", module + "kernel"},
		"models know nothing of runs: fit.Observe is the only place where they meet"},
	{"experiments", []string{gomlx, module + "kernel", "net/http"},
		"every cell that records a run links it"},
	{"experiments/carry", []string{module + "store", module + "experiments/display", gomlx, "net/http"},
		"every cell that declares a value links it"},
	{"experiments/rerun", []string{gomlx},
		"programs are run again in processes of their own, whatever they compute with"},
	{"experiments/compare", []string{gomlx, module + "kernel", "net/http"},
		"cells draw comparisons with it"},
	{"experiments/charts", []string{module + "store", "net/http"},
		"a figure is data, whatever shows it"},
	{"kernel", []string{module + "store", module + "experiments", module + "gomlx_models"},
		"the kernel runs programs; what they record is theirs"},
	{"setup", []string{gomlx}, "the command assay links no GoMLX: its pages would take 10 MB more; setup/probe tells what it does"},
	{"experiments/web", []string{gomlx}, "the command assay links no GoMLX: its pages would take 10 MB more"},
	{"home", []string{module}, "everything imports it"},
}

func TestWhoMayImportWhom(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		deps[fields[0]] = fields[1:]
	}
	for _, rule := range rules {
		tree, isTree := strings.CutSuffix(module+rule.from, "/...")
		matched := false
		for pkg, reached := range deps {
			if pkg != tree && !(isTree && strings.HasPrefix(pkg, tree+"/")) {
				continue
			}
			matched = true
			for _, dep := range reached {
				if slices.ContainsFunc(rule.never, func(never string) bool { return within(dep, never) }) {
					t.Errorf("%s reaches %s, and must not: %s", strings.TrimPrefix(pkg, module), dep, rule.reason)
				}
			}
		}
		if !matched {
			t.Errorf("no package matches the rule for %s", rule.from)
		}
	}
}

// within reports whether pkg is tree or lies below it.
func within(pkg, tree string) bool {
	return pkg == strings.TrimSuffix(tree, "/") || strings.HasPrefix(pkg, strings.TrimSuffix(tree, "/")+"/")
}
