package kernel

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func parametersNotebook(source string) *Notebook {
	nb := testNotebook("fmt.Println(0)", source)
	nb.Cells[1].Metadata["tags"] = json.RawMessage(`["parameters"]`)
	return nb
}

func TestParameters(t *testing.T) {
	f := func(source, want string) {
		t.Helper()
		params, err := parametersNotebook(source).Parameters()
		if err != nil {
			t.Errorf("%q: %v", source, err)
		}
		if got := listParameters(params); got != want {
			t.Errorf("parameters of %q:\n%s\nwant\n%s", source, got, want)
		}
	}
	f("const lr = 1e-3\nvar epochs int = 5", "  lr float64 = 1e-3\n  epochs int = 5")
	f("var (\n\tdata = \"chest\" // which\n\tdeep, wide = true, -3\n)", "  data string = \"chest\"\n  deep bool = true\n  wide int = -3")
	f("%%\nlimit := 30 * time.Second\nseed := int64(7)", "  limit time.Duration = 30 * time.Second\n  seed int64 = 7")
	f("lr := 0.1\nn := 2", "  lr float64 = 0.1\n  n int = 2") // statements without %%
	f("import \"time\"\nvar d time.Duration = time.Second\nvar f float32 = 2", "  d time.Duration = time.Second\n  f float32 = 2")
	f("var lr = flag.Float64(\"lr\", 0.5, \"rate\")", "  lr float64 = 0.5")
	f("var a = f()\nvar b []int\nconst c = iota\ntype T struct{}\nfunc g() { x := 1 }\nvar d = 1", "  d int = 1")
	f("const size = 1 << 20", "  size int = 1 << 20")
	f("", "")
	if params, err := testNotebook("x := 1").Parameters(); err != nil || params != nil {
		t.Errorf("a notebook without a parameters cell: %v, %v", params, err)
	}
	if _, err := parametersNotebook("var x = )").Parameters(); err == nil {
		t.Error("a parameters cell that does not parse has parameters")
	}
}

func TestSetParameters(t *testing.T) {
	source := `%% --flag
// How it trains.
lr, epochs := 1e-3, 5 // ü
name := "chest"
deep := false
limit := time.Minute
seed := uint8(1)`
	f := func(name, value, want string) {
		t.Helper()
		nb := parametersNotebook(source)
		err := nb.SetParameters(map[string]string{name: value})
		got := nb.Cells[1].Source
		if err != nil {
			got = strings.SplitN(err.Error(), "\n", 2)[0]
			if nb.Cells[1].Source != source {
				t.Errorf("%s=%s changed the cell and is an error: %v", name, value, err)
			}
			if !strings.Contains(err.Error(), "\n  name string = \"chest\"\n") {
				t.Errorf("%s=%s: the error lists no parameters: %v", name, value, err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s=%s: %s, want %s", name, value, got, want)
		}
	}
	f("lr", "0.5", "lr, epochs := 0.5, 5 // ü\n")
	f("lr", "1", "lr, epochs := 1.0, 5")
	f("lr", "-1e-4", "lr, epochs := -1e-4, 5")
	f("lr", "fast", `parameter lr: "fast" is not of type float64`)
	f("lr", "NaN", `not of type float64`)
	f("epochs", "07", "epochs := 1e-3, 07")
	f("epochs", "2.5", `parameter epochs: "2.5" is not of type int`)
	f("epochs", "99999999999999999999", "out of the range of int")
	f("name", `say "hi"`+"\n", `name := "say \"hi\"\n"`)
	f("deep", "true", "deep := true")
	f("deep", "maybe", "not of type bool")
	f("limit", "90s", "limit := time.Duration(90000000000)")
	f("limit", "90", "not of type time.Duration")
	f("seed", "255", "seed := uint8(255)")
	f("seed", "256", "out of the range of uint8")
	f("nosuch", "1", "there is no parameter nosuch")

	nb := parametersNotebook(source)
	if err := nb.SetParameters(map[string]string{"lr": "2", "epochs": "3", "name": "ü"}); err != nil || !strings.Contains(nb.Cells[1].Source, "lr, epochs := 2.0, 3 // ü\nname := \"ü\"") {
		t.Errorf("three at once: %v\n%s", err, nb.Cells[1].Source)
	}
	if err := parametersNotebook("var big float32 = 1").SetParameters(map[string]string{"big": "1e300"}); err == nil || !strings.Contains(err.Error(), "out of the range of float32") {
		t.Errorf("a value beyond a float32: %v", err)
	}
	if err := parametersNotebook("import \"fmt\"").SetParameters(map[string]string{"x": "1"}); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "there is no parameter x: no const, var or :=") {
		t.Errorf("a cell without parameters took one, or did not say so in a sentence: %v", err)
	}
	if err := testNotebook("x := 1").SetParameters(map[string]string{"x": "1"}); err == nil {
		t.Error("a notebook without parameters took one")
	}
}

func ExampleNotebook_SetParameters() {
	nb, err := ParseNotebook([]byte(`{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
		{"cell_type": "code", "id": "p", "metadata": {"tags": ["parameters"]}, "source": "const lr = 1e-3\nconst data = \"synthetic\""}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(nb.SetParameters(map[string]string{"lr": "fast"}))
	fmt.Println(nb.SetParameters(map[string]string{"lr": "0.01"}))
	fmt.Println(nb.Cells[0].Source)
	// Output:
	// parameter lr: "fast" is not of type float64
	// The parameters are:
	//   lr float64 = 1e-3
	//   data string = "synthetic"
	// <nil>
	// const lr = 0.01
	// const data = "synthetic"
}

func FuzzParseParameters(f *testing.F) {
	f.Add("const lr = 1e-3\n%%\nx := flag.Int(\"n\", 3, \"\")")
	f.Fuzz(func(t *testing.T, source string) {
		params, err := parseParameters(source)
		if err != nil {
			return
		}
		for _, p := range params {
			if source[p.start:p.end] != p.Default {
				t.Errorf("%q: %s is %q at %d, want %q", source, p.Name, source[p.start:p.end], p.start, p.Default)
			}
		}
	})
}
