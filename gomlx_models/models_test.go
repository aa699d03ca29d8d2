package models

import (
	"encoding/json"
	"math"
	"testing"
)

func FuzzNumberKeepsItsBits(f *testing.F) {
	for _, x := range []float64{0, math.Copysign(0, -1), 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		f.Add(math.Float64bits(x))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		x := math.Float64frombits(bits)
		b, err := json.Marshal(Number(x))
		if err != nil {
			t.Fatal(err)
		}
		var back Number
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		// JSON has one NaN.
		if got := math.Float64bits(float64(back)); got != bits && !(math.IsNaN(x) && math.IsNaN(float64(back))) {
			t.Errorf("%x came back from %s as %x", bits, b, got)
		}
	})
}

func TestNumberRefusesWords(t *testing.T) {
	var n Number
	if err := json.Unmarshal([]byte(`"many"`), &n); err == nil {
		t.Errorf(`"many" was read as %v`, n)
	}
}

func TestLowerIsBetter(t *testing.T) {
	f := func(metric string, want bool) {
		t.Helper()
		if got := LowerIsBetter(metric); got != want {
			t.Errorf("LowerIsBetter(%q) = %v, want %v", metric, got, want)
		}
	}
	f("loss", true)
	f("val_loss", true)
	f("test.log_loss", true)
	f("test.brier", true)
	f("RMSE", true)
	f("test.auc", false)
	f("val_accuracy", false)
	f("r2", false)
	f("closeness", false) // has "lose", is no loss
}

func TestBetter(t *testing.T) {
	f := func(metric string, a, b, want float64) {
		t.Helper()
		if got := Better(metric, a, b); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("Better(%q, %v, %v) = %v, want %v", metric, a, b, got, want)
		}
	}
	f("test.auc", 0.7, 0.8, 0.8)
	f("brier", 0.2, 0.1, 0.1)
	f("auc", math.NaN(), 0.8, 0.8)
	for _, metric := range []string{"prevalence", "test.prevalence", "test.bias", "risk groups.logrank_p"} {
		f(metric, 1, 2, math.NaN())
	}
}
