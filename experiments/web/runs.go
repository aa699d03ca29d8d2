package web

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/experiments/compare"
	models "github.com/assay-ml/assay/gomlx_models"
	"github.com/assay-ml/assay/store"
)

const runsPerPage = 100

// runsView is the table of runs. Its address says all about it, so that every
// view has a link.
type runsView struct {
	Experiment string
	Query      string
	Wrong      *store.QueryError // in Query or the order
	Differ     bool              // only columns that differ
	Trash      bool
	Columns    []column
	Rows       []row
	Total      int
	First      int // of the rows shown, from 1
	Last       int
	Prev, Next string
	CSV        string
	Choices    []choice // columns there are, those of the table first
	Pins       []string // keys of columns that stay in sight
	Widths     []string // "key:pixels", which the script sets
	Archived   bool
	at         map[string]map[store.RunID]float64 // of columns of the kind "at", by key
	Sort       []string                           // keys of columns, "-" before one for falling
	Group      string
	Groups     *groupsView
	Fields     []string // for completion of the query
}

type column struct {
	Key    string // "started", "param.lr", "metric.auc", "best.auc", "at.100.auc", "tag.site"
	Label  string
	Kind   string // "param", "metric", "best", "at", "tag", ""
	URL    string // sorts by it
	Then   string // sorts by it where the keys before are the same
	Order  string // "ascending" or "descending" if the table is sorted by it
	Place  int    // among the keys that it is sorted by, from 1; 0 if there is only one
	Number bool
	Pinned bool
}

// Groups reports whether runs can be grouped by the column: by numbers that each
// run has for itself they cannot.
func (c column) Groups() bool {
	return !measured(c.Kind) && c.Key != "started" && c.Key != "duration" && c.Key != "step"
}

type row struct {
	store.Run
	Cells []cell
}

type cell struct {
	Text, Title string
	Best        bool // of its column
	number      float64
}

type choice struct {
	column
	Chosen bool
}

// runs is the page of the table.
func (s *server) runs(r *http.Request) (page, error) {
	q := r.URL.Query()
	v, _, err := s.table(r.Context(), q, runsPerPage)
	if err != nil {
		return page{}, err
	}
	p := page{Title: "Runs", Body: v, template: "runs"}
	if e := q.Get("experiment"); e != "" {
		p.Title = e
	}
	return p, nil
}

// table finds the runs that an address asks for.
func (s *server) table(ctx context.Context, q url.Values, limit int) (runsView, []store.Run, error) {
	v := runsView{
		Experiment: q.Get("experiment"), Query: strings.TrimSpace(q.Get("q")), Sort: slices.DeleteFunc(slices.Clone(q["sort"]), func(key string) bool { return key == "" }),
		Differ: q.Get("differ") != "", Trash: q.Get("trash") != "", Archived: q.Get("archived") != "", Group: q.Get("group"),
		Pins: q["pin"], Widths: q["w"],
	}
	query := store.Query{Experiment: v.Experiment, Where: v.Query, Limit: limit, Trash: v.Trash, Archived: v.Archived}
	for _, key := range v.Sort {
		query.Sort = append(query.Sort, sortField(key))
	}
	at, _ := strconv.Atoi(q.Get("page"))
	at = min(max(at, 1), math.MaxInt32)
	query.Offset = (at - 1) * limit
	found, err := s.store.Runs(ctx, query)
	if errors.As(err, &v.Wrong) {
		// The table stays, with all runs; the box says what is wrong.
		query.Where = ""
		found, err = s.store.Runs(ctx, query)
		if errors.As(err, new(*store.QueryError)) { // it was the order
			query.Sort, v.Sort = nil, nil
			found, err = s.store.Runs(ctx, query)
		}
	}
	if err != nil {
		return runsView{}, nil, err
	}
	v.Total = found.Total
	if len(found.Runs) > 0 {
		v.First, v.Last = query.Offset+1, query.Offset+len(found.Runs)
	}
	address := func(change func(url.Values)) string {
		u := maps.Clone(q)
		change(u)
		return "/runs?" + u.Encode()
	}
	if at > 1 {
		v.Prev = address(func(u url.Values) { u.Set("page", strconv.Itoa(at-1)) })
	}
	if v.Last < v.Total {
		v.Next = address(func(u url.Values) { u.Set("page", strconv.Itoa(at+1)) })
	}
	v.CSV = "/runs.csv?" + q.Encode()
	if err := v.valuesAt(ctx, s.store, found.Runs, q["col"]); err != nil {
		return runsView{}, nil, err
	}
	metrics, err := compare.MetricNames(ctx, s.store, found.Runs)
	if err != nil {
		return runsView{}, nil, err
	}
	v.choose(found.Runs, metrics, q["col"])
	for i := range v.Columns {
		c := &v.Columns[i]
		now := slices.IndexFunc(v.Sort, func(key string) bool { return strings.TrimPrefix(key, "-") == c.Key })
		sorted := func(keys ...string) string {
			return address(func(u url.Values) {
				u.Del("page")
				u["sort"] = keys
			})
		}
		if now < 0 {
			first := nextOrder("", c.Key)
			c.URL, c.Then = sorted(first), sorted(append(slices.Clone(v.Sort), first)...)
			continue
		}
		other := slices.Clone(v.Sort)
		other[now] = nextOrder(v.Sort[now], c.Key)
		c.URL, c.Then = sorted(other[now]), sorted(other...)
		c.Order = "ascending"
		if strings.HasPrefix(v.Sort[now], "-") {
			c.Order = "descending"
		}
		if len(v.Sort) > 1 {
			c.Place = now + 1
		}
	}
	for _, run := range found.Runs {
		rw := row{Run: run}
		for _, c := range v.Columns {
			rw.Cells = append(rw.Cells, v.cell(run, c.Key))
		}
		v.Rows = append(v.Rows, rw)
	}
	v.markBest()
	if v.Group != "" {
		metrics := slices.DeleteFunc(metrics, experiments.IsSystem)
		v.Groups, err = v.groups(s.store.Each(ctx, store.Query{Experiment: v.Experiment, Where: query.Where, Trash: v.Trash, Archived: v.Archived}), metrics)
		if err != nil && !errors.As(err, &v.Wrong) {
			return runsView{}, nil, err
		}
	}
	return v, found.Runs, nil
}

// nextOrder is what a click on a column's head does: the better end first for a
// metric, then the other way round.
func nextOrder(now, key string) string {
	first, second := key, "-"+key
	if kind, name, _ := strings.Cut(key, "."); measured(kind) && !models.LowerIsBetter(name) || key == "started" {
		first, second = second, first
	}
	if now == first {
		return second
	}
	return first
}

// sortField turns a column's key, with a minus or not, into a field of the
// query language.
func sortField(key string) string {
	minus := ""
	if rest, falling := strings.CutPrefix(key, "-"); falling {
		minus, key = "-", rest
	}
	kind, name, dotted := strings.Cut(key, ".")
	switch {
	case !dotted:
		return minus + key
	case kind == "at":
		step, metric, _ := strings.Cut(name, ".")
		return minus + "at(" + store.FieldName("metric", metric) + ", " + step + ")"
	case kind == "best" && models.LowerIsBetter(name):
		return minus + "min(" + store.FieldName("metric", name) + ")"
	case kind == "best":
		return minus + "max(" + store.FieldName("metric", name) + ")"
	}
	return minus + store.FieldName(kind, name)
}

// ranked reports whether the values of a metric say how good a model is, rather than
// what training and the machine did.
func ranked(metric string) bool {
	return !experiments.IsSystem(metric) && !experiments.IsBookkeeping(metric)
}

// measured reports whether columns of a kind hold values of a metric.
func measured(kind string) bool { return kind == "metric" || kind == "best" || kind == "at" }

// valuesAt reads what columns "at.STEP.METRIC" show. A step that is not a number
// has no values.
func (v *runsView) valuesAt(ctx context.Context, s *store.Store, runs []store.Run, keys []string) error {
	ids := make([]store.RunID, len(runs))
	for i, run := range runs {
		ids[i] = run.ID
	}
	v.at = map[string]map[store.RunID]float64{}
	for _, key := range keys {
		kind, rest, _ := strings.Cut(key, ".")
		text, metric, _ := strings.Cut(rest, ".")
		step, err := strconv.ParseInt(text, 10, 64)
		if kind != "at" || err != nil || len(runs) == 0 {
			continue
		}
		values, err := s.ValuesAt(ctx, ids, []string{metric}, step)
		if err != nil {
			return err
		}
		v.at[key] = map[store.RunID]float64{}
		for i, id := range ids {
			v.at[key][id] = values[0][i]
		}
	}
	return nil
}

// choicesMost is how many metrics are offered as columns. Others can be named in
// the address.
const choicesMost = 200

// choose sets the columns: those that the address names, or else the params
// that differ and the foremost metrics.
func (v *runsView) choose(runs []store.Run, metrics, named []string) {
	params, _ := compare.ParamNames(runs)
	keys := []string{"started", "duration"}
	if v.Experiment == "" {
		keys = append([]string{"experiment"}, keys...)
	}
	tags := map[string]bool{}
	grouped, noted := false, false
	for _, run := range runs {
		for key := range run.Tags {
			tags[key] = true
		}
		grouped = grouped || run.Group != ""
		noted = noted || run.Note != ""
	}
	const most = 6 // params, and metrics, that fit a screen
	chosen := slices.Clone(keys)
	if grouped {
		chosen = append(chosen, "group")
	}
	shown := 0
	for _, name := range params {
		if shown < most && compare.Varied(runs, name) {
			chosen = append(chosen, "param."+name)
			shown++
		}
	}
	for _, name := range metrics[:min(most, len(metrics))] {
		if !experiments.IsSystem(name) {
			chosen = append(chosen, "metric."+name)
		}
	}
	all := slices.Concat(keys, []string{"status", "group", "note", "host", "step"})
	for _, name := range params {
		all = append(all, "param."+name)
	}
	for _, name := range metrics[:min(len(metrics), choicesMost)] {
		all = append(all, "metric."+name, "best."+name)
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, "tag."+name)
	}
	if len(named) > 0 {
		chosen = slices.Clone(named)
	}
	if v.Differ {
		same := func(key string) bool {
			for _, run := range runs {
				if v.cell(run, key).Text != v.cell(runs[0], key).Text {
					return false
				}
			}
			return true
		}
		chosen = slices.DeleteFunc(slices.Clone(all), same)
	}
	pinned := func(key string) bool { return slices.Contains(v.Pins, key) }
	// Those that stay in sight come first.
	slices.SortStableFunc(chosen, func(a, b string) int {
		switch {
		case pinned(a) && !pinned(b):
			return -1
		case pinned(b) && !pinned(a):
			return 1
		}
		return 0
	})
	for _, key := range chosen {
		c := columnOf(key)
		c.Pinned = pinned(key)
		v.Columns = append(v.Columns, c)
		v.Choices = append(v.Choices, choice{c, true})
	}
	for _, key := range all {
		c := columnOf(key)
		if !slices.Contains(chosen, key) {
			v.Choices = append(v.Choices, choice{c, false})
		}
		if c.Kind != "best" {
			v.Fields = append(v.Fields, sortField(key))
		}
	}
	v.Fields = append(v.Fields, "name", "id", "message", "rerun_of", "rerun", "ended", "points", "data")
}

func columnOf(key string) column {
	c := column{Key: key, Label: key}
	if kind, name, dotted := strings.Cut(key, "."); dotted {
		c.Kind, c.Label = kind, name
		switch kind {
		case "best":
			c.Label = "best " + name
		case "at":
			step, metric, _ := strings.Cut(name, ".")
			c.Label = metric + " at " + step
		}
	}
	c.Number = measured(c.Kind) || c.Kind == "param" || key == "duration" || key == "step"
	return c
}

// cell returns what a run has in a column.
func (v *runsView) cell(run store.Run, key string) cell {
	values, ok := v.at[key]
	if !ok {
		return cellOf(run, key)
	}
	value, ok := values[run.ID]
	if !ok || math.IsNaN(value) {
		return cell{number: math.NaN()}
	}
	return cell{Text: charts.Format(value), Title: strconv.FormatFloat(value, 'g', -1, 64), number: value}
}

// date says when runs started rather than how long ago that is: a file is read on
// any day.
func (v *runsView) date() {
	for i, c := range v.Columns {
		if c.Key == "started" {
			for r := range v.Rows {
				started := &v.Rows[r].Cells[i]
				started.Text, started.Title = started.Title, ""
			}
		}
	}
}

// cellOf returns what a run's summary has in a column.
func cellOf(run store.Run, key string) cell {
	c := cell{number: math.NaN()}
	kind, name, _ := strings.Cut(key, ".")
	switch kind {
	case "param":
		c.Text = compare.ValueText(run.Params[name])
	case "tag":
		c.Text = run.Tags[name]
	case "metric":
		if m, ok := run.Metrics[name]; ok {
			c.Text, c.number, c.Title = charts.Format(m.Last), m.Last, metricTitle(m)
		}
	case "best":
		if m, ok := run.Metrics[name]; ok {
			best, step := m.Max, m.MaxStep
			if models.LowerIsBetter(name) {
				best, step = m.Min, m.MinStep
			}
			c.Text, c.number, c.Title = charts.Format(best), best, fmt.Sprintf("at step %d", step)
		}
	case "started":
		c.Text = ago(run.Started)
		c.Title = run.Started.Local().Format(time.DateTime)
	case "duration":
		c.Text = took(run)
	case "status":
		c.Text = string(run.Status)
	case "group":
		c.Text = run.Group
	case "note":
		c.Text, _, _ = strings.Cut(run.Note, "\n")
	case "host":
		c.Text = run.Host
	case "step":
		c.Text = strconv.FormatInt(run.LastStep, 10)
	case "experiment":
		c.Text = run.Experiment
	}
	return c
}

// metricTitle says of a metric what its last value does not.
func metricTitle(m store.Metric) string {
	if experiments.IsFinal(m) {
		return fmt.Sprintf("%v, 95 %% interval %s", m.Last, charts.Interval(m.Low, m.High))
	}
	title := fmt.Sprintf("%v at step %d", m.Last, m.LastStep)
	if m.Count > 1 {
		title += fmt.Sprintf("; lowest %s at step %d, highest %s at step %d", charts.Format(m.Min), m.MinStep, charts.Format(m.Max), m.MaxStep)
	}
	if odd := m.NaNs + m.PosInfs + m.NegInfs; odd > 0 {
		title += fmt.Sprintf("; %d of %d not finite", odd, m.Count)
	}
	return title
}

// markBest marks the best of each metric, if the rows are all there are: the best
// of a page need not be the best of the table.
func (v *runsView) markBest() {
	if len(v.Rows) < max(v.Total, 2) {
		return
	}
	for i, c := range v.Columns {
		_, name, _ := strings.Cut(c.Key, ".")
		if c.Kind == "at" {
			_, name, _ = strings.Cut(name, ".")
		}
		if !measured(c.Kind) || !ranked(name) {
			continue
		}
		column := make([]*cell, len(v.Rows))
		for r, rw := range v.Rows {
			column[r] = &rw.Cells[i]
		}
		markBestOf(name, column)
	}
}

// markBestOf marks the best values of a metric, if there are others than that.
func markBestOf(metric string, cells []*cell) {
	best, known, same := math.NaN(), 0, 0
	for _, c := range cells {
		if finite(c.number) {
			best, known = models.Better(metric, best, c.number), known+1
		}
	}
	for _, c := range cells {
		if c.Best = c.number == best; c.Best {
			same++
		}
	}
	for _, c := range cells {
		c.Best = c.Best && same < known
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// groupsView sums up runs that have the same value of one column.
type groupsView struct {
	By      string
	Metrics []string
	Rows    []groupRow
	More    int // groups that are not listed
}

// groupsMost is how many groups are listed.
const groupsMost = 200

type groupRow struct {
	Value string
	Runs  int
	Cells []groupCell
}

// groupCell is the mean of a metric's last values, with their standard deviation.
type groupCell struct {
	N        int
	Mean, SD float64
}

// groups sums up runs by the value of the column v.Group, without keeping them:
// there may be very many. Values that are not finite count in no mean.
func (v *runsView) groups(runs iter.Seq2[store.Run, error], metrics []string) (*groupsView, error) {
	const most = 8
	g := &groupsView{By: columnOf(v.Group).Label, Metrics: metrics[:min(most, len(metrics))]}
	type sum struct {
		runs  int
		cells []moments
	}
	sums := map[string]*sum{}
	for run, err := range runs {
		if err != nil {
			return nil, err
		}
		value := cellOf(run, v.Group).Text
		if sums[value] == nil {
			sums[value] = &sum{cells: make([]moments, len(g.Metrics))}
		}
		sums[value].runs++
		for i, metric := range g.Metrics {
			if m, ok := run.Metrics[metric]; ok && finite(m.Last) {
				sums[value].cells[i].add(m.Last)
			}
		}
	}
	values := slices.SortedFunc(maps.Keys(sums), compare.Naturally)
	g.More = max(len(values)-groupsMost, 0)
	for _, value := range values[:len(values)-g.More] {
		row := groupRow{Value: value, Runs: sums[value].runs}
		for _, m := range sums[value].cells {
			row.Cells = append(row.Cells, m.cell())
		}
		g.Rows = append(g.Rows, row)
	}
	return g, nil
}

// moments sums up numbers one by one (Welford, Technometrics 4 (1962), 419).
type moments struct {
	n             int
	mean, squares float64
}

func (m *moments) add(x float64) {
	m.n++
	off := x - m.mean
	m.mean += off / float64(m.n)
	m.squares += off * (x - m.mean)
}

// cell returns the mean and the sample standard deviation.
func (m moments) cell() groupCell {
	c := groupCell{N: m.n, Mean: m.mean, SD: math.NaN()}
	switch {
	case m.n == 0:
		c.Mean = math.NaN()
	case m.n > 1:
		c.SD = math.Sqrt(m.squares / float64(m.n-1))
	}
	return c
}

// runsCSV is the table with all its rows, as a file. The columns are those of the
// page, and rows are written as they are read: there may be very many.
func (s *server) runsCSV(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	part := func(page int) (runsView, []store.Run, error) {
		q.Set("page", strconv.Itoa(page))
		return s.table(r.Context(), q, csvAtOnce)
	}
	v, runs, err := part(1)
	if err == nil && v.Wrong != nil {
		err = v.Wrong
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="runs.csv"`)
	out := csv.NewWriter(w)
	head := []string{"id", "name", "status"}
	for _, c := range v.Columns {
		head = append(head, c.Key)
	}
	out.Write(head)
	// Later parts have these columns, whatever they hold themselves.
	q.Del("differ")
	q.Del("group")
	q.Del("col")
	for _, c := range v.Columns {
		q.Add("col", c.Key)
	}
	for at := 1; len(runs) > 0; {
		for _, run := range runs {
			record := []string{string(run.ID), plainText(run.Name), string(run.Status)}
			for _, c := range v.Columns {
				record = append(record, csvText(run, c.Key, v.cell(run, c.Key)))
			}
			out.Write(record)
		}
		if v.Next == "" {
			break
		}
		at++
		if v, runs, err = part(at); err != nil {
			break // the file ends early: the status is sent already
		}
	}
	out.Flush()
}

// csvAtOnce is how many runs a file of the table takes from the store at a time.
const csvAtOnce = 1000

// csvText writes a cell for programs: numbers with all their digits, times in
// full.
func csvText(run store.Run, key string, c cell) string {
	switch {
	case key == "started":
		return run.Started.Format(time.RFC3339Nano)
	case key == "duration":
		if run.Ended.IsZero() {
			return ""
		}
		return strconv.FormatFloat(run.Ended.Sub(run.Started).Seconds(), 'f', -1, 64)
	case !math.IsNaN(c.number):
		return strconv.FormatFloat(c.number, 'g', -1, 64)
	default:
		return plainText(c.Text)
	}
}

// plainText keeps a spreadsheet from reading text as a formula.
func plainText(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
