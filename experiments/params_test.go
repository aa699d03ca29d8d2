package experiments

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-ml/assay/store"
)

func TestFlatten(t *testing.T) {
	f := func(v any, want map[string]store.Value) {
		t.Helper()
		got, err := flatten(v)
		if err != nil {
			t.Errorf("flatten(%+v): %v", v, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("flatten(%+v) = %#v, want %#v", v, got, want)
		}
	}
	type inner struct {
		Rate float64 `json:"rate"`
		On   bool    `json:"on"`
	}
	f(struct {
		Classes []string `json:"classes"`
		Seed    int64    `json:"seed"`
		Optim   inner    `json:"optimizer"`
		hidden  int
	}{[]string{"a", "b"}, 1 << 62, inner{1e-3, true}, 7}, map[string]store.Value{
		"classes": json.RawMessage(`["a","b"]`), "seed": int64(1 << 62), "optimizer.rate": 1e-3, "optimizer.on": true,
	})
	f(map[string]any{"name": "x", "none": nil, "empty": map[string]any{}}, map[string]store.Value{
		"name": "x", "empty": json.RawMessage(`{}`),
	})

	bad := func(v any, want string) {
		t.Helper()
		if _, err := flatten(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("flatten(%v): error %v, want one with %q", v, err, want)
		}
	}
	bad(7, "int is not a struct")
	bad(nil, "is not a struct")
	bad(map[string]float64{"lr": math.NaN()}, "NaN")
}
