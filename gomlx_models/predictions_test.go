package models

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestPredictionsComeBack(t *testing.T) {
	f := func(p Predictions) {
		t.Helper()
		b, err := p.CSV()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadPredictions(p.Name, bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("got %+v, %v, want %+v from\n%s", got, err, p, b)
		}
	}
	f(Predictions{Name: "test", Group: []string{"p1", "p,2"}, Classes: []string{"normal", `"odd"`}, Class: []int{0, 1}, Prob: [][]float64{{1.0 / 3, 2.0 / 3}, {0, 1}}})
	f(Predictions{Name: "test", Observed: []float64{1, -2e300}, Predicted: []float64{math.Inf(1), 0.1}})
	f(Predictions{Name: "test", Group: []string{"a"}, Time: []float64{12.5}, Event: []bool{true}, Risk: []float64{-3}})
}

func TestPredictionsThatCannotBe(t *testing.T) {
	for want, p := range map[string]Predictions{
		"no rows":            {},
		"more than one kind": {Class: []int{0}, Classes: []string{"a"}, Prob: [][]float64{{1}}, Observed: []float64{1}, Predicted: []float64{1}},
		"from 1 to 2 rows":   {Observed: []float64{1, 2}, Predicted: []float64{1}},
		"but 1 patients":     {Group: []string{"a"}, Observed: []float64{1, 2}, Predicted: []float64{1, 2}},
		"class 2":            {Class: []int{2}, Classes: []string{"a", "b"}, Prob: [][]float64{{0, 1}}},
	} {
		if _, err := p.CSV(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for text, want := range map[string]string{
		"":                             "EOF",
		"a,b\n1,2\n":                   "are no predictions",
		"observed,predicted\n1,x\n":    "not a number",
		"class,p a\nb,1\n":             `class "b"`,
		"time,event,risk\n1,maybe,2\n": "true or false",
		"observed,predicted\n1\n":      "wrong number of fields",
	} {
		if _, err := ReadPredictions("test", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzReadPredictions(f *testing.F) {
	f.Add("patient,class,p a,p b\nx,a,0.5,0.5\n")
	f.Add("observed,predicted\n1,2\n")
	f.Add("time,event,risk\n1,true,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadPredictions("test", strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := p.CSV(); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
