package compare

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/store"
)

// ValueText writes the value of a param.
func ValueText(v store.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case json.RawMessage:
		return string(v)
	}
	return fmt.Sprint(v)
}

// ParamNames returns the params of runs by name, and of those the ones that are
// not the same in all.
func ParamNames(runs []store.Run) (all []string, differ map[string]bool) {
	names := map[string]bool{}
	for _, run := range runs {
		for name := range run.Params {
			names[name] = true
		}
	}
	differ = map[string]bool{}
	for name := range names {
		for _, run := range runs[1:] {
			if ValueText(run.Params[name]) != ValueText(runs[0].Params[name]) {
				differ[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), differ
}

// Varied reports whether two of runs have a param with different values; runs
// without it do not count.
func Varied(runs []store.Run, name string) bool {
	first, seen := "", false
	for _, run := range runs {
		value, ok := run.Params[name]
		switch text := ValueText(value); {
		case !ok:
		case !seen:
			first, seen = text, true
		case text != first:
			return true
		}
	}
	return false
}

// MetricNames returns the metrics of runs: those of reports first, in the
// reports' order, which puts the headline first; then others that have an
// interval, what training logged, what it says of itself, and the machine's.
func MetricNames(ctx context.Context, s *store.Store, runs []store.Run) ([]string, error) {
	const final, logged, bookkeeping, system = 0, 1, 2, 3
	rank := map[string]int{}
	for _, run := range runs {
		for name, m := range run.Metrics {
			was, known := rank[name]
			switch {
			case experiments.IsSystem(name):
				rank[name] = system
			case experiments.IsFinal(m) || known && was == final:
				rank[name] = final
			case experiments.IsBookkeeping(name):
				rank[name] = bookkeeping
			default:
				rank[name] = logged
			}
		}
	}
	headline, err := experiments.Headline(ctx, s, runs)
	if err != nil {
		return nil, err
	}
	for i, name := range headline {
		if _, known := rank[name]; known {
			rank[name] = i - len(headline)
		}
	}
	return slices.SortedFunc(maps.Keys(rank), func(a, b string) int {
		return cmp.Or(rank[a]-rank[b], strings.Compare(a, b))
	}), nil
}

// Naturally orders numbers by size and text by letters, numbers first.
func Naturally(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}
