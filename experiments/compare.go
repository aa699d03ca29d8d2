package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

// Verdict is what comparing a rerun with the run that it repeats says. Queries
// know it as the field rerun: rerun = "differs".
type Verdict string

const (
	// Identical means that every point of every series, and every number of
	// reports and figures, is bit for bit the same.
	Identical Verdict = "identical"
	// WithinTolerance means that no number is further off than was allowed.
	WithinTolerance Verdict = "equal within tolerance"
	Differs         Verdict = "differs"
	CouldNotRun     Verdict = "could not run"
	// NothingToCompare means that neither run has a point, a report or a figure.
	NothingToCompare Verdict = "nothing to compare"
)

// Tolerance says how far a number a may be from another b and still count as
// equal: |a−b| ≤ t or |a−b| ≤ t·max(|a|, |b|), the one an absolute difference,
// the other a relative one.
type Tolerance struct {
	Default float64
	Metric  map[string]float64 // of series that have one of their own
}

func (t Tolerance) of(metric string) float64 {
	if own, ok := t.Metric[metric]; ok {
		return own
	}
	return t.Default
}

// Difference is a value that is not what it was.
type Difference struct {
	Where string        `json:"where"`          // "metric loss", "report test, metrics.0.value"
	Step  *int64        `json:"step,omitempty"` // of a series
	Was   string        `json:"was"`
	Is    string        `json:"is"`
	By    models.Number `json:"by"` // |is−was|; NaN if they are not both numbers
}

func (d Difference) String() string {
	at := ""
	if d.Step != nil {
		at = fmt.Sprintf(" at step %d", *d.Step)
	}
	return fmt.Sprintf("%s%s was %s, is %s", d.Where, at, d.Was, d.Is)
}

// Change is something other than a result that is not the same in both runs.
type Change struct {
	Kind string `json:"kind"` // "data", "param", "code", "environment"
	Name string `json:"name"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

func (c Change) String() string {
	if c.Was != "" && c.Is != "" && (c.Kind == "data" || c.Kind == "code") {
		return fmt.Sprintf("%s %s changed: its %s is now %s", c.Kind, c.Name, c.Was, strings.TrimPrefix(c.Is, "sha256 "))
	}
	return fmt.Sprintf("%s %s was %s, is %s", c.Kind, c.Name, orNone(c.Was), orNone(c.Is))
}

func orNone(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

// Comparison is what Compare found.
type Comparison struct {
	Verdict   Verdict     `json:"verdict"`
	First     *Difference `json:"first,omitempty"`   // the one of the earliest step
	Largest   *Difference `json:"largest,omitempty"` // among numbers
	Different int         `json:"different"`         // values that are not bit for bit the same
	Series    int         `json:"series"`            // compared
	Points    int         `json:"points"`
	Reports   int         `json:"reports"`
	Figures   int         `json:"figures"`
	Changes   []Change    `json:"changes,omitempty"` // the likeliest cause of a difference first
	Notes     []string    `json:"notes,omitempty"`
}

// ReportName is the name under which a run keeps its last Comparison, as a report.
const ReportName = "rerun"

// Summary is the verdict in a sentence.
func (c Comparison) Summary() string {
	compared := fmt.Sprintf("%s with %s", count(c.Series, "metric"), count(c.Points, "point"))
	for _, more := range []string{count(c.Reports, "report"), count(c.Figures, "figure")} {
		if !strings.HasPrefix(more, "0 ") {
			compared += ", " + more
		}
	}
	switch c.Verdict {
	case NothingToCompare:
		return "nothing to compare: the run recorded no metric, no report and no figure"
	case Identical:
		return "identical: " + compared + ", bit for bit"
	case WithinTolerance:
		return fmt.Sprintf("equal within tolerance: %s of %s differ, the most by %.3g: %v", count(c.Different, "value"), compared, float64(c.Largest.By), *c.Largest)
	case Differs:
		s := "differs: "
		if c.First != nil {
			s += c.First.String()
		}
		if len(c.Changes) > 0 {
			return s + ", because " + c.Changes[0].String()
		}
		return s + ", and nothing else that is recorded does: look for randomness without a seed, for time, and for the order of goroutines"
	}
	return string(c.Verdict)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Report returns the comparison as a report for the runs' pages.
func (c Comparison) Report() models.Report {
	r := models.Report{Name: ReportName, Rows: c.Points, Notes: append([]string{c.Summary()}, c.Notes...)}
	largest := 0.0
	if c.Largest != nil {
		largest = float64(c.Largest.By)
	}
	none := models.Number(math.NaN())
	r.Metrics = []models.Metric{
		{Name: "different_values", Value: models.Number(c.Different), Low: none, High: none},
		{Name: "largest_difference", Value: models.Number(largest), Low: none, High: none},
	}
	if len(c.Changes) > 0 {
		t := models.Table{Kind: "changes", Title: "What else is not the same", Columns: []string{"what", "was", "is"}}
		for _, change := range c.Changes {
			t.Rows = append(t.Rows, []string{change.Kind + " " + change.Name, orNone(change.Was), orNone(change.Is)})
		}
		r.Tables = append(r.Tables, t)
	}
	return r
}

// Compare compares the results of a run, is, with those of an earlier one that
// it should repeat. Times do not count. Of a run that did not come to its end,
// what there is of it is compared; one that failed should fail again.
func Compare(ctx context.Context, s *store.Store, was, is store.RunID, tolerance Tolerance) (Comparison, error) {
	before, err := s.Run(ctx, was)
	if err != nil {
		return Comparison{}, err
	}
	after, err := s.Run(ctx, is)
	if err != nil {
		return Comparison{}, err
	}
	c := comparer{s: s, tolerance: tolerance, partial: before.Status != store.Finished}
	if c.partial {
		c.note("run %s is %s: what there is of it is compared", was, before.Status)
	}
	c.ends(before, after)
	if err := errors.Join(c.parts(ctx, before), c.series(ctx, was, is), c.reports(ctx, was, is), c.figures(ctx, was, is)); err != nil {
		return Comparison{}, err
	}
	if err := c.changes(ctx, before, after); err != nil {
		return Comparison{}, err
	}
	switch {
	case c.Different == 0 && c.Points+c.Reports+c.Figures == 0:
		c.Verdict = NothingToCompare
	case c.Different == 0:
		c.Verdict = Identical
	case !c.tooFar:
		c.Verdict = WithinTolerance
	default:
		c.Verdict = Differs
	}
	return c.Comparison, nil
}

type comparer struct {
	Comparison
	s         *store.Store
	tolerance Tolerance
	partial   bool // the first run did not end: the second may have more
	tooFar    bool // a value is out of tolerance
}

func (c *comparer) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// differs counts a difference.
func (c *comparer) differs(d Difference, tolerated bool) {
	c.Different++
	c.tooFar = c.tooFar || !tolerated
	switch {
	case c.First == nil,
		d.Step != nil && (c.First.Step == nil || *d.Step < *c.First.Step):
		c.First = &d
	}
	if by := float64(d.By); by == by && (c.Largest == nil || by > float64(c.Largest.By)) {
		c.Largest = &d
	}
}

// number compares two numbers. NaN equals NaN, and 0 does not equal -0.
func (c *comparer) number(d Difference, was, is, tolerance float64) {
	if math.Float64bits(was) == math.Float64bits(is) || was != was && is != is {
		return
	}
	d.Was, d.Is, d.By = text(was), text(is), models.Number(math.Abs(was-is))
	c.differs(d, near(was, is, tolerance))
}

func text(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func near(a, b, tolerance float64) bool {
	by := math.Abs(a - b)
	return by <= tolerance || by <= tolerance*max(math.Abs(a), math.Abs(b)) && !math.IsInf(by, 0)
}

// ends compares how runs ended. That one was stopped says nothing of its program.
func (c *comparer) ends(before, after store.Run) {
	stopped := before.Status == store.Killed || before.Status == store.Interrupted
	switch {
	case after.Status != before.Status && !stopped:
		c.differs(Difference{Where: "status", Was: string(before.Status), Is: string(after.Status), By: models.Number(math.NaN())}, false)
	case after.Status != before.Status && after.Status != store.Finished:
		c.note("run %s is %s: %s", after.ID, after.Status, orNone(after.Message))
	case after.Status == before.Status && after.Message != before.Message:
		c.note("the error was %q, is %q", before.Message, after.Message)
	}
}

// parts notes that the runs which a program recorded as parts of this one are not
// compared with it. Variations are its children too, but of other programs.
func (c *comparer) parts(ctx context.Context, run store.Run) error {
	siblings, err := c.s.Siblings(ctx, run.ID)
	if err != nil {
		return err
	}
	own := slices.Collect(maps.Values(siblings))
	n := len(slices.DeleteFunc(slices.Clone(run.Children), func(id store.RunID) bool { return !slices.Contains(own, id) }))
	if n > 0 {
		c.note("of its parts, %d in number, nothing was compared: assay rerun --where 'parent = %s' does", n, run.ID)
	}
	return nil
}

func (c *comparer) series(ctx context.Context, was, is store.RunID) error {
	names, err := c.s.MetricNames(ctx, was)
	if err != nil {
		return err
	}
	others, err := c.s.MetricNames(ctx, is)
	if err != nil {
		return err
	}
	names, others = slices.DeleteFunc(names, IsSystem), slices.DeleteFunc(others, IsSystem)
	c.Series = len(names)
	for _, name := range names {
		if !slices.Contains(others, name) {
			c.missing("metric " + name)
			continue
		}
		if err := c.oneSeries(ctx, was, is, name); err != nil {
			return err
		}
	}
	for _, name := range others {
		if !slices.Contains(names, name) {
			c.added("metric " + name)
		}
	}
	return nil
}

// missing and added are differences of something whole. What an unfinished run
// never came to is none.
func (c *comparer) missing(what string) {
	c.differs(Difference{Where: what, Was: "there", Is: "not there", By: models.Number(math.NaN())}, false)
}

func (c *comparer) added(what string) {
	if !c.partial {
		c.differs(Difference{Where: what, Was: "not there", Is: "there", By: models.Number(math.NaN())}, false)
	}
}

func (c *comparer) oneSeries(ctx context.Context, was, is store.RunID, name string) error {
	next, stop := iter.Pull2(c.s.Points(ctx, is, name))
	defer stop()
	where := "metric " + name
	for p, err := range c.s.Points(ctx, was, name) {
		if err != nil {
			return err
		}
		c.Points++
		q, err, ok := next()
		if err != nil {
			return err
		}
		d := Difference{Where: where, Step: &p.Step}
		switch {
		case !ok:
			d.Was, d.Is, d.By = text(p.Value), "not there", models.Number(math.NaN())
			c.differs(d, false)
			return nil
		case p.Step != q.Step:
			d.Where += ", the step"
			d.Was, d.Is, d.By = strconv.FormatInt(p.Step, 10), strconv.FormatInt(q.Step, 10), models.Number(math.NaN())
			c.differs(d, false)
			return nil
		}
		c.number(d, p.Value, q.Value, c.tolerance.of(name))
	}
	q, err, ok := next()
	if ok && !c.partial {
		c.differs(Difference{Where: where, Step: &q.Step, Was: "not there", Is: text(q.Value), By: models.Number(math.NaN())}, false)
	}
	return err
}

func (c *comparer) reports(ctx context.Context, was, is store.RunID) error {
	read := func(id store.RunID) (map[string]json.RawMessage, error) {
		reports, err := c.s.Reports(ctx, id)
		all := map[string]json.RawMessage{}
		for _, r := range reports {
			if r.Name != ReportName {
				all[r.Name] = r.Data
			}
		}
		return all, err
	}
	n, err := c.documents("report", was, is, read)
	c.Reports = n
	return err
}

func (c *comparer) figures(ctx context.Context, was, is store.RunID) error {
	read := func(id store.RunID) (map[string]json.RawMessage, error) {
		figures, err := c.s.Figures(ctx, id)
		all := map[string]json.RawMessage{}
		for _, f := range figures {
			all[f.ID] = f.Option
		}
		return all, err
	}
	n, err := c.documents("figure", was, is, read)
	c.Figures = n
	return err
}

// documents compares JSON documents by name.
func (c *comparer) documents(kind string, was, is store.RunID, read func(store.RunID) (map[string]json.RawMessage, error)) (int, error) {
	before, err := read(was)
	if err != nil {
		return 0, err
	}
	after, err := read(is)
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		where := kind + " " + name
		if after[name] == nil {
			c.missing(where)
			continue
		}
		if bytes.Equal(before[name], after[name]) {
			continue
		}
		a, err := parse(before[name])
		if err != nil {
			return 0, fmt.Errorf("run %s: %s: %w", was, where, err)
		}
		b, err := parse(after[name])
		if err != nil {
			return 0, fmt.Errorf("run %s: %s: %w", is, where, err)
		}
		c.value(where+",", "", a, b)
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] == nil {
			c.added(kind + " " + name)
		}
	}
	return len(before), nil
}

func parse(document []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err = d.Decode(&v); err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("more than one JSON value")
		}
	}
	return v, err
}

// value compares two JSON values, at is the path of keys to them.
func (c *comparer) value(where, at string, was, is any) {
	here := Difference{Where: strings.TrimSuffix(where+" "+at, ", "), By: models.Number(math.NaN())}
	differ := func() {
		here.Was, here.Is = brief(was), brief(is)
		c.differs(here, false)
	}
	switch a := was.(type) {
	case map[string]any:
		b, ok := is.(map[string]any)
		if !ok {
			differ()
			return
		}
		keys := slices.Sorted(maps.Keys(a))
		for key := range b {
			if _, both := a[key]; !both {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			c.value(where, path.Join(at, key), a[key], b[key])
		}
	case []any:
		b, ok := is.([]any)
		if !ok || len(a) != len(b) {
			differ()
			return
		}
		for i := range a {
			c.value(where, path.Join(at, strconv.Itoa(i)), a[i], b[i])
		}
	case json.Number:
		b, ok := is.(json.Number)
		x, errX := a.Float64()
		y, errY := b.Float64()
		if !ok || errX != nil || errY != nil {
			differ()
			return
		}
		c.number(here, x, y, c.tolerance.Default)
	case string:
		b, ok := is.(string)
		if ok && a == b {
			return
		}
		here.Was, here.Is = brief(was), brief(is)
		c.differs(here, ok && c.closeText(a, b))
	default:
		if was != is {
			differ()
		}
	}
}

var numberInText = regexp.MustCompile(`[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)

// closeText reports whether texts differ only by numbers within tolerance: the
// cells of a table are text.
func (c *comparer) closeText(a, b string) bool {
	if numberInText.ReplaceAllString(a, "#") != numberInText.ReplaceAllString(b, "#") {
		return false
	}
	as, bs := numberInText.FindAllString(a, -1), numberInText.FindAllString(b, -1)
	for i := range as {
		x, errX := strconv.ParseFloat(as[i], 64)
		y, errY := strconv.ParseFloat(bs[i], 64)
		if errX != nil || errY != nil || !near(x, y, c.tolerance.Default) {
			return false
		}
	}
	return true
}

// brief writes a JSON value in a few words.
func brief(v any) string {
	if v == nil {
		return "not there"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if r := []rune(string(b)); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return string(b)
}

// likeliest orders what the environment holds by how often it changes numbers.
var likeliest = []string{
	"GOMLX_BACKEND", "xla_plugin", "xla_plugin.version", "xla_plugin.sha256", "XLA_FLAGS", "TF_XLA_FLAGS", "gpu", "gpu_driver",
	"NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES", "TF_CUDNN_DETERMINISTIC",
	"gomaxprocs", "GOMAXPROCS", "cpus", "OMP_NUM_THREADS", "cpu_features", "cpu", "arch", "os",
	"gomlx", "go-xla", "compute", "assay", "go", "GODEBUG", "GLIBC_TUNABLES", "cc",
}

// changes lists what else is not the same: data, params (which may be written in
// the code), code, then environment.
func (c *comparer) changes(ctx context.Context, before, after store.Run) error {
	changed := func(kind, name, was, is string) {
		if was != is {
			c.Changes = append(c.Changes, Change{kind, name, was, is})
		}
	}
	data, err := dataOf(ctx, c.s, before.ID)
	if err != nil {
		return err
	}
	dataAfter, err := dataOf(ctx, c.s, after.ID)
	if err != nil {
		return err
	}
	eachKey(data, dataAfter, func(name, was, is string) { changed("data", name, was, is) })
	code, files, err := filesOf(ctx, c.s, before.ID)
	if err != nil {
		return err
	}
	codeAfter, filesAfter, err := filesOf(ctx, c.s, after.ID)
	if err != nil {
		return err
	}
	eachKey(files, filesAfter, func(name, was, is string) {
		if was != is && (is != "" || !c.partial) {
			c.note("the file %s was %s, is %s", name, orNone(was), orNone(is))
		}
	})
	params, paramsAfter := map[string]string{}, map[string]string{}
	for name, v := range before.Params {
		params[name] = brief(v)
	}
	for name, v := range after.Params {
		paramsAfter[name] = brief(v)
	}
	eachKey(params, paramsAfter, func(name, was, is string) { changed("param", name, was, is) })
	eachKey(code, codeAfter, func(name, was, is string) { changed("code", name, was, is) })
	for _, name := range likeliest {
		changed("environment", name, before.Env[name], after.Env[name])
	}
	return nil
}

// eachKey calls f with the values of each key of a and b, in order.
func eachKey(a, b map[string]string, f func(key, inA, inB string)) {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		f(key, a[key], b[key])
	}
}

// dataOf returns the digests of the data files that a run read.
func dataOf(ctx context.Context, s *store.Store, id store.RunID) (map[string]string, error) {
	uses, err := s.DataUses(ctx, id)
	digests := map[string]string{}
	for _, use := range uses {
		root := use.Folder()
		for _, f := range use.Files {
			name := use.Name
			if inUse, err := filepath.Rel(root, f.Path); err == nil && len(use.Files) > 1 {
				name += " " + filepath.ToSlash(inUse)
			}
			digests[name] = shortDigest(f.Digest)
		}
	}
	return digests, err
}

// filesOf returns the digests of the files of a run's program, and of the others
// that it left.
func filesOf(ctx context.Context, s *store.Store, id store.RunID) (code, others map[string]string, err error) {
	artifacts, err := s.Artifacts(ctx, id)
	code, others = map[string]string{}, map[string]string{}
	for _, a := range artifacts {
		name, isCode := strings.CutPrefix(a.Name, CodeDir)
		switch {
		case strings.HasPrefix(a.Name, DataDir), slices.Contains([]string{SnapshotFile, DiffFile, ProxyFile, CellsFile}, a.Name):
			// data is compared as such, and the rest says how and not what
		case !isCode:
			others[name] = shortDigest(a.Digest)
		default:
			code[name] = shortDigest(a.Digest)
		}
	}
	return code, others, err
}

// shortDigest is as much of a digest as people compare.
func shortDigest(d store.Digest) string { return "sha256 " + string(d[:min(16, len(d))]) }
