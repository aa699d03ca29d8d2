package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/store"
)

// recordMany fills a store with runs of the same shape, in five experiments.
func recordMany(b *testing.B, s *store.Store, runs, metrics, points int) (ids []string) {
	b.Helper()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	series := make([]store.Point, points)
	for i := range runs {
		at := start.Add(time.Duration(i) * time.Minute)
		w, err := s.Start(b.Context(), store.NewRun{Experiment: fmt.Sprintf("e%d", i%5), Started: at})
		must(b, err)
		must(b, w.Params(map[string]store.Value{"lr": float64(i%7) / 1000, "seed": int64(i), "depth": int64(i % 4), "opt": "adam"}))
		for m := range metrics {
			for k := range series {
				series[k] = store.Point{Step: int64(k), Time: at.Add(time.Duration(k) * time.Millisecond), Value: float64((i*7+k*(m+3))%1000) / float64(k+100)}
			}
			must(b, w.Append(fmt.Sprintf("m%d", m), series))
		}
		must(b, w.EndAt(store.Finished, "", at.Add(time.Minute)))
		ids = append(ids, string(w.ID()))
	}
	return ids
}

// benchPage times requests for a page of h.
func benchPage(b *testing.B, h http.Handler, path string) {
	b.Helper()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1"+path, nil))
		if w.Code != http.StatusOK {
			b.Fatalf("%s answers %d: %.300s", path, w.Code, w.Body)
		}
		b.ReportMetric(float64(w.Body.Len())/1e3, "kB")
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-heap")
}

// BenchmarkHundredLongRuns compares 100 runs of 100,000 points.
func BenchmarkHundredLongRuns(b *testing.B) {
	s := openStore(b)
	ids := recordMany(b, s, 100, 1, 100_000)
	h := New(s, Options{})
	query := "run=" + strings.Join(ids, "&run=")
	b.Run("compare", func(b *testing.B) { benchPage(b, h, "/compare?"+query) })
	b.Run("bands", func(b *testing.B) { benchPage(b, h, "/compare?bands=1&"+query) })
	b.Run("zoom", func(b *testing.B) { benchPage(b, h, "/figure?metric=m0&from=50000&to=50400&"+query) })
}

// BenchmarkTenThousandRuns makes the pages of 10,000 runs of 10 metrics x 1,000
// points. Recording them takes minutes.
func BenchmarkTenThousandRuns(b *testing.B) {
	s := openStore(b)
	recordMany(b, s, 10_000, 10, 1000)
	h := New(s, Options{})
	for name, path := range map[string]string{
		"experiments": "/", "table": "/runs", "sorted": "/runs?sort=-metric.m3", "query": "/runs?q=metric.m3+%3E+0.5+and+param.lr+%3C+0.004",
		"page": "/runs?page=80", "differ": "/runs?differ=1", "group": "/runs?group=param.lr", "explore": "/explore?metric=m1", "csv": "/runs.csv",
	} {
		b.Run(name, func(b *testing.B) { benchPage(b, h, path) })
	}
}
