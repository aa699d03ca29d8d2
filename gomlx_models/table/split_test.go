package table

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// clinic makes n rows of n/4 patients of which a fifth is ill.
func clinic(n int) (group, class []string) {
	for i := range n {
		p := i / 4
		group = append(group, fmt.Sprint("patient ", p))
		class = append(class, map[bool]string{true: "ill", false: "well"}[p%5 == 0])
	}
	return group, class
}

func checkSplit(t *testing.T, n int, s Split, group []string) {
	t.Helper()
	side := make([]int, n)
	for _, i := range s.Train {
		side[i]++
	}
	for _, i := range s.Test {
		side[i] += 2
	}
	of := map[string]int{}
	for i, v := range side {
		if v != 1 && v != 2 {
			t.Fatalf("row %d is on both sides or none", i)
		}
		if group != nil {
			if was, met := of[group[i]]; met && was != v {
				t.Fatalf("%s is on both sides", group[i])
			}
			of[group[i]] = v
		}
	}
}

func TestFoldsKeepPatientsWholeAndClassesEven(t *testing.T) {
	const n = 400
	group, class := clinic(n)
	folds, err := KFold(n, 5, SplitOptions{Group: group, Stratify: class, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	tested := make([]int, n)
	for _, s := range folds {
		checkSplit(t, n, s, group)
		ill := 0
		for _, i := range s.Test {
			tested[i]++
			if class[i] == "ill" {
				ill++
			}
		}
		if len(s.Test) != 80 || ill != 16 {
			t.Errorf("a fold of %d rows, %d ill, want 80 and 16", len(s.Test), ill)
		}
	}
	for i, times := range tested {
		if times != 1 {
			t.Fatalf("row %d is tested on %d times", i, times)
		}
	}
	again, _ := KFold(n, 5, SplitOptions{Group: group, Stratify: class, Seed: 1})
	other, _ := KFold(n, 5, SplitOptions{Group: group, Stratify: class, Seed: 2})
	if !reflect.DeepEqual(folds, again) || reflect.DeepEqual(folds, other) {
		t.Error("folds do not depend on the seed alone")
	}
}

func TestDivideKeepsShares(t *testing.T) {
	group, class := clinic(1000)
	parts, err := Divide(1000, []float64{0.7, 0.1, 0.2}, SplitOptions{Group: group, Stratify: class})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range []float64{700, 100, 200} {
		var ill float64
		for _, i := range parts[p] {
			if class[i] == "ill" {
				ill++
			}
		}
		if math.Abs(float64(len(parts[p]))-want) > 8 || math.Abs(ill-want/5) > 8 {
			t.Errorf("part %d has %d rows, %v ill, want %v and %v", p, len(parts[p]), ill, want, want/5)
		}
	}
}

func TestNestedSplitsStayInside(t *testing.T) {
	const n = 240
	group, class := clinic(n)
	nested, err := Nested(n, 4, 3, SplitOptions{Group: group, Stratify: class})
	if err != nil {
		t.Fatal(err)
	}
	for _, outer := range nested {
		checkSplit(t, n, outer.Split, group)
		for _, inner := range outer.Inner {
			rows := slices.Concat(inner.Train, inner.Test)
			slices.Sort(rows)
			if !slices.Equal(rows, outer.Train) {
				t.Fatal("the inner split is not of the training rows")
			}
		}
	}
	repeated, err := Repeated(n, 4, 3, SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(repeated) != 12 || reflect.DeepEqual(repeated[0], repeated[4]) {
		t.Error("repeated folds are not dealt anew")
	}
}

func TestByTimeTestsOnTheLatest(t *testing.T) {
	time := []float64{5, 1, 2, 3, 4, 5, 2}
	s, err := ByTime(time, 0.3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Test, []int{0, 5}) || len(s.Train) != 5 {
		t.Errorf("got %v", s)
	}
	s, err = ByTime(time, 0.3, []string{"a", "a", "b", "c", "d", "e", "f"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Test, []int{5}) {
		t.Errorf("a patient met in training is tested on: %v", s)
	}
}

func TestSplittingMistakesAreNamed(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	_, err := KFold(10, 1, SplitOptions{})
	f(err, "at least two")
	_, err = KFold(3, 5, SplitOptions{})
	f(err, "3 patients cannot be divided into 5 parts")
	_, err = KFold(2, 2, SplitOptions{Group: []string{"a"}})
	f(err, "2 rows but 1 patients")
	_, err = KFold(2, 2, SplitOptions{Group: []string{"a", ""}})
	f(err, "row 1 has no patient")
	_, err = Divide(10, []float64{0.5, 0.2}, SplitOptions{})
	f(err, "sum to 0.7")
	_, err = ByTime([]float64{1, 2}, 0.5, []string{"a", ""})
	f(err, "row 1 has no patient")
	_, err = ByTime([]float64{1, 1}, 0.5, nil)
	f(err, "all rows are of one time")
	_, err = ByTime([]float64{1, math.NaN()}, 0.5, nil)
	f(err, "1 rows have no time")
}

// Dates of a file split as the times that they are.
func TestByDate(t *testing.T) {
	f := read(t, "seen,day\n2024-03-01,3\n2023-12-31 18:00:00,2\n,1\n2024-02-29T12:00:00Z,\n", Options{})
	days, err := f.Days("seen")
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{19783, 19722.75, math.NaN(), 19782.5}; fmt.Sprint(days) != fmt.Sprint(want) {
		t.Errorf("got days %v, want %v", days, want)
	}
	if days, err = f.Days("day"); err != nil || days[0] != 3 {
		t.Errorf("numbers: got %v, %v", days, err)
	}
	s, err := ByTime([]float64{19783, 19722.75, 19782.5}, 0.3, nil)
	if err != nil || !slices.Equal(s.Test, []int{0}) {
		t.Errorf("got %v, %v, want the latest row to test on", s, err)
	}
	if _, err := read(t, "seen\n2024-03-01\n1/2/24\n", Options{}).Days("seen"); err == nil || !strings.Contains(err.Error(), `column "seen", row 1: "1/2/24" is no date`) {
		t.Errorf("got %v, want an error that names the row", err)
	}
}
