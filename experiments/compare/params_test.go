package compare

import (
	"testing"

	"github.com/assay-ml/assay/store"
)

func TestVaried(t *testing.T) {
	of := func(values ...store.Value) (runs []store.Run) {
		for _, v := range values {
			run := store.Run{Params: map[string]store.Value{}}
			if v != nil {
				run.Params["arm"] = v
			}
			runs = append(runs, run)
		}
		return runs
	}
	for _, runs := range [][]store.Run{of("", "a"), of("a", nil, "b"), of(1.0, 2.0)} {
		if !Varied(runs, "arm") {
			t.Errorf("%v does not vary", runs)
		}
	}
	for _, runs := range [][]store.Run{of(), of("", ""), of("a", nil, "a"), of(nil)} {
		if Varied(runs, "arm") {
			t.Errorf("%v varies", runs)
		}
	}
}
