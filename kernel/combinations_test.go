package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const lists = "var (\n\tdata = \"chest\"\n\tlr = 1e-3\n\tepochs = 5\n\tdeep = false\n\twarmUp = time.Second\n)"

func TestCombinations(t *testing.T) {
	f := func(values map[string]string, want ...string) {
		t.Helper()
		combinations, varied, err := parametersNotebook(lists).Combinations(values)
		if err != nil {
			if len(want) != 1 || !strings.Contains(err.Error(), want[0]) {
				t.Errorf("%v: %v, want %q", values, err, want)
			}
			return
		}
		got := []string{strings.Join(varied, " ")}
		for _, c := range combinations {
			got = append(got, strings.TrimPrefix(fmt.Sprint(c), "map"))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%v gives\n%s, want\n%s", values, strings.Join(got, "|"), strings.Join(want, "|"))
		}
	}
	f(nil, "", "[]")
	f(map[string]string{"lr": "0.1"}, "", "[lr:0.1]")
	f(map[string]string{"lr": "1e-2, 1e-3"}, "lr", "[lr:1e-2]", "[lr:1e-3]")
	f(map[string]string{"deep": "true,false", "lr": "1,2"}, "lr deep", "[deep:true lr:1]", "[deep:false lr:1]", "[deep:true lr:2]", "[deep:false lr:2]")
	f(map[string]string{"data": "chest, left"}, "", "[data:chest, left]")
	f(map[string]string{"data": "[chest, 'a, b', 07]"}, "data", "[data:chest]", "[data:a, b]", "[data:07]")
	f(map[string]string{"data": `["[x]"]`}, "", "[data:[x]]")
	f(map[string]string{"epochs": "[3]"}, "", "[epochs:3]")
	f(map[string]string{"warmUp": "1s,1m30s"}, "warmUp", "[warmUp:1s]", "[warmUp:1m30s]")
	f(map[string]string{"lr": "1,,2"}, "parameter lr: a value is missing")
	f(map[string]string{"lr": "[]"}, "parameter lr: [] is not a list")
	f(map[string]string{"data": "[a"}, "", "[data:[a]") // no list, so a string
	f(map[string]string{"data": "[a, {b: c}]"}, "is not a value")
	f(map[string]string{"none": "1,2"}, "", "[none:1,2]") // SetParameters says that there is none
	f(map[string]string{"lr": strings.Repeat("1,", 200) + "1", "epochs": strings.Repeat("1,", 200) + "1"}, "more than 10000")
}

func TestReadParameters(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		values, err := ReadParameters(file)
		got := fmt.Sprint(values)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", content, got, want)
		}
	}
	f("lr: 1e-3\nepochs: 0x10\ndeep: true\nlimit: 30s\ndata: \"07\" # which\n", "map[data:07 deep:true epochs:0x10 limit:30s lr:1e-3]")
	f(`{"lr": 1e-3, "data": "a, b", "seeds": [1, "2"]}`, `map[data:a, b lr:1e-3 seeds:["1","2"]]`)
	f("data: '[x]'\n", `map[data:["[x]"]]`) // a string, and no list
	f("text: |\n  one\n  two\n", "map[text:one\ntwo\n]")
	f("", "map[]")
	f("- 1\n- 2\n", "not one object")
	f("a: {b: 1}\n", "a is neither a value nor a list")
	f("a: null\n", "a is neither a value nor a list")
	f("a: [1, [2]]\n", "a has a list")
	f("a: []\n", "a has a list without values")
	f("a: 1\n---\nb: 2\n", "several documents")
	f("a: [1\n", "parameters in ")
	if _, err := ReadParameters(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func FuzzReadParameters(f *testing.F) {
	f.Add("lr: [1e-3, 2]\nname: \"[a]\"")
	f.Fuzz(func(t *testing.T, content string) {
		file := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		values, err := ReadParameters(file)
		if err != nil {
			return
		}
		for name, value := range values {
			if _, err := (Parameter{Name: name, Type: "string"}).list(value); err != nil {
				t.Errorf("%q has %s = %q: %v", content, name, value, err)
			}
		}
	})
}

func TestEnvironmentParameters(t *testing.T) {
	values, unknown, err := parametersNotebook(lists).EnvironmentParameters([]string{
		"HOME=/h", "ASSAY_PARAM_WARM_UP=2s", "ASSAY_PARAM_lr=0.1", "ASSAY_PARAM_EPOCHS=a=b", "ASSAY_PARAM_RATE=1", "ASSAY_STORE=x",
	})
	if err != nil || fmt.Sprint(values) != "map[epochs:a=b lr:0.1 warmUp:2s]" || fmt.Sprint(unknown) != "[ASSAY_PARAM_RATE]" {
		t.Errorf("got %v, unknown %v, %v", values, unknown, err)
	}
}
