package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/assay-ml/assay/store"
)

// sweep records n runs of a search in which the score depends on the learning
// rate and the optimizer, and not on the seed.
func sweep(t testing.TB, s *store.Store, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range n {
		lr := math.Pow(10, -4+3*rng.Float64())
		optimizer := []string{"adam", "sgd", "rmsprop"}[rng.IntN(3)]
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "sweep", Name: fmt.Sprintf("sweep-%d", i)})
		must(t, err)
		must(t, w.Params(map[string]store.Value{"lr": lr, "optimizer": optimizer, "seed": int64(i), "layers": int64(1 + rng.IntN(3)), "same": true}))
		auc := 0.95 - 0.06*math.Pow(math.Log10(lr)+2.5, 2) + map[string]float64{"adam": 0, "sgd": -0.05, "rmsprop": -0.01}[optimizer] + 0.005*rng.NormFloat64()
		must(t, w.Summary("test.auc", auc, auc-0.02, auc+0.02), w.End(store.Finished, ""))
	}
}

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestImportanceFindsWhatAMetricDependsOn(t *testing.T) {
	s := openStore(t)
	sweep(t, s, 80)
	found, err := s.Runs(t.Context(), store.Query{Limit: -1})
	must(t, err)
	result := func(run store.Run) float64 { return run.Metrics["test.auc"].Last }
	got, err := importanceOf(t.Context(), found.Runs, []string{"layers", "lr", "optimizer", "seed"}, result)
	must(t, err)
	if got.R2 < 0.6 {
		t.Errorf("the forest explains %v of the variance, want most", got.R2)
	}
	if got.Params[0].Name != "lr" || got.Params[1].Name != "optimizer" {
		t.Errorf("order %v, want lr and optimizer first", got.Params)
	}
	for _, p := range got.Params[2:] {
		if p.Value > 0.1 {
			t.Errorf("%s tells nothing of the metric, but has importance %v", p.Name, p.Value)
		}
	}
	few, err := importanceOf(t.Context(), found.Runs[:5], []string{"lr"}, result)
	if must(t, err); few != nil {
		t.Errorf("five runs have importances %+v", few)
	}
}
