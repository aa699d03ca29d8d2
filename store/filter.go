package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The query language:
//
//	query      = any
//	any        = all { "or" all }
//	all        = not { "and" not }
//	not        = "not" not | "(" any ")" | comparison
//	comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
//	           | field ( "~" | "!~" | "contains" ) value        text in it, whatever the case
//	           | field [ "not" ] "in" "(" value { "," value } ")"
//	field      = "metric." NAME | "last(" … ")" | "min(" … ")" | "max(" … ")" | "count(" … ")"
//	           | "at(metric." NAME "," STEP ")"
//	           | "param." NAME | "tag." NAME | one of fields below
//
// NAME goes into quotes if it has spaces or symbols: metric."val loss". A value
// is a number, text (in quotes unless it is one word), true or false. Times are
// "2026-01-31", "2026-01-31 15:04", "7d ago" (s, m, h, d, w), "today",
// "yesterday"; durations 90s, 1h30m, 2d.
//
// A comparison is true if the run has the field and the comparison holds, so
// that "not param.lr = 1" finds also the runs without lr, and "param.lr != 1"
// does not. Numbers compare as numbers, with ints, floats and, in tags, text
// that is a number. metric.NAME is the last value.

// fields are the SQL of what every run has.
var fields = map[string]field{
	"id":         {"r.key", text},
	"name":       {"r.name", text},
	"experiment": {"(select e.name from experiment e where e.id = r.experiment)", text},
	"status":     {"r.status", text},
	"message":    {"r.message", text},
	"note":       {"r.note", text},
	"group":      {"r.grp", text},
	"parent":     {"r.parent", text},
	"rerun_of":   {"r.rerun_of", text},
	"rerun":      {"r.verdict", text},
	"host":       {"r.host", text},
	"step":       {"r.last_step", number},
	"points":     {"r.points", number},
	"started":    {"r.started", moment},
	"ended":      {"r.ended", moment},
	"duration":   {"(coalesce(r.ended, ?) - r.started)", span}, // its argument is the time of asking
	"data":       {"", text},                                   // sha256 or name of a data set; a run can have many
}

type field struct {
	sql  string
	kind fieldKind
}

type fieldKind int

const (
	text   fieldKind = iota
	number           // of a metric or the like
	moment           // µs
	span             // µs
	typed            // as the value says
	tagged           // text that may be a number
)

// parser reads a query and finds the runs that it describes. Each comparison is
// one look into an index, begun while the rest is read, that returns the rows of
// the runs; and, or and not are done on these sets.
type parser struct {
	ctx    context.Context
	s      *Store
	query  string
	tokens []token
	now    time.Time
	depth  int

	sql  strings.Builder // of the comparison being read
	args []any
}

func (s *Store) newParser(ctx context.Context, query string, now time.Time) (*parser, error) {
	tokens, err := scan(query)
	return &parser{ctx: ctx, s: s, query: query, tokens: tokens, now: now}, err
}

// filter returns the set of the runs that a query describes.
func (s *Store) filter(ctx context.Context, query string, now time.Time) (lazySet, error) {
	p, err := s.newParser(ctx, query, now)
	if err != nil {
		return nil, err
	}
	found, err := p.any()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.wrong(t, `expected "and", "or" or the end, found %v`, t)
	}
	return found, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// take takes the next token if it is the keyword or symbol.
func (p *parser) take(text string) bool {
	if p.peek().is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) wrong(t token, format string, args ...any) error {
	return &QueryError{p.query, t.offset, fmt.Sprintf(format, args...)}
}

func (p *parser) emit(sql string, args ...any) {
	p.sql.WriteString(sql)
	p.args = append(p.args, args...)
}

func (p *parser) any() (lazySet, error) {
	found, err := p.all()
	for err == nil && p.take("or") {
		var more lazySet
		more, err = p.all()
		found = found.with(more, set.or)
	}
	return found, err
}

func (p *parser) all() (lazySet, error) {
	found, err := p.not()
	for err == nil && p.take("and") {
		var more lazySet
		more, err = p.not()
		found = found.with(more, set.and)
	}
	return found, err
}

func (p *parser) not() (lazySet, error) {
	const deepest = 1000 // keeps hostile text from filling the stack
	if p.depth++; p.depth > deepest {
		return nil, p.wrong(p.peek(), "this is nested too deeply")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not"):
		found, err := p.not()
		return found.not(), err
	case p.take("("):
		found, err := p.any()
		if err != nil {
			return nil, err
		}
		if t := p.next(); !t.is(")") {
			return nil, p.wrong(t, `expected ")", found %v`, t)
		}
		return found, nil
	}
	return p.comparison()
}

// operand is a field of the query with the SQL that compares it.
type operand struct {
	kind   fieldKind
	name   string // as written
	column string // what is compared
	args   []any  // of column
	from   string // where column is looked up, as x with x.run; "" if it is of r
	first  []any  // arguments of from

	indexed bool // an index has each run once, in the order of column
}

// key returns the SQL of the operand's value for run r, to sort by.
func (f operand) key() (string, []any) {
	if f.from == "" {
		return f.column, f.args
	}
	return "(select " + f.column + " from " + f.from + " and x.run = r.id)", append(slices.Clone(f.args), f.first...)
}

func (p *parser) comparison() (lazySet, error) {
	f, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.sql.Reset()
	p.args = nil
	if f.from == "" {
		p.emit("select r.id from run r where ")
	} else {
		p.emit("select x.run from "+f.from+" and ", f.first...)
	}
	t := p.next()
	switch {
	case t.is("="), t.is("=="), t.is("!="), t.is("<"), t.is("<="), t.is(">"), t.is(">="):
		err = p.compare(f, strings.Replace(t.text, "==", "=", 1))
	case t.is("~"), t.is("contains"):
		err = p.contains(f, "> 0")
	case t.is("!~"):
		err = p.contains(f, "= 0")
	case t.is("in"):
		err = p.in(f)
	case t.is("not") && p.take("in"):
		// Like !=, this is about runs that have the field.
		p.emit(f.column+" is not null and not ", f.args...)
		err = p.in(f)
	default:
		err = p.wrong(t, `expected a comparison such as "=" or ">" after %s, found %v`, f.name, t)
	}
	if err != nil {
		return nil, err
	}
	sql, args := p.sql.String(), p.args
	return concurrently(func() (set, error) {
		rows, err := p.s.rowList(p.ctx, sql, args...)
		return setOf(rows), err
	}), nil
}

func (p *parser) contains(f operand, found string) error {
	t := p.next()
	if t.kind != tokenString && t.kind != tokenWord {
		return p.wrong(t, "expected text after %s ~, found %v", f.name, t)
	}
	p.emit("instr(lower("+f.column+"), lower(?)) "+found, append(slices.Clone(f.args), t.text)...)
	return nil
}

func (p *parser) in(f operand) error {
	if t := p.next(); !t.is("(") {
		return p.wrong(t, `expected "(" after in, found %v`, t)
	}
	p.emit("(")
	for {
		if err := p.compare(f, "="); err != nil {
			return err
		}
		switch t := p.next(); {
		case t.is(")"):
			p.emit(")")
			return nil
		case !t.is(","):
			return p.wrong(t, `expected "," or ")", found %v`, t)
		}
		p.emit(" or ")
	}
}

// compare reads a value and compares the operand with it.
func (p *parser) compare(f operand, op string) error {
	t := p.next()
	if t.kind != tokenString && t.kind != tokenWord || t.kind == tokenWord && isKeyword(t.text) {
		return p.wrong(t, "expected a value for %s, found %v", f.name, t)
	}
	column := func(value any) { p.emit(f.column+" "+op+" ?", append(slices.Clone(f.args), value)...) }
	switch f.kind {
	case number:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil && !math.IsInf(v, 0) {
			return p.wrong(t, "expected a number for %s, found %v", f.name, t)
		}
		if v != v { // NaN is null in the file
			if op != "=" && op != "!=" {
				return p.wrong(t, "NaN is neither larger nor smaller than a number: use = or !=")
			}
			p.emit(f.column+" is "+strings.Repeat("not ", len(op)-1)+"null", f.args...)
			return nil
		}
		column(v)
	case moment:
		v, err := parseMoment(t.text, p.now)
		if err != nil {
			return p.wrong(t, `expected a time such as "2026-01-31" or "7d ago" for %s, found %v`, f.name, t)
		}
		column(v.UnixMicro())
	case span:
		v, err := parseSpan(t.text)
		if err != nil {
			return p.wrong(t, "expected a duration such as 90s, 1h30m or 2d for %s, found %v", f.name, t)
		}
		column(v.Microseconds())
	case typed:
		p.emit("(")
		v := typedValue(t)
		column(v)
		if _, isText := v.(string); !isText && op != "!=" {
			p.emit(" and "+f.column+" < ''", f.args...) // text sorts behind all numbers
		}
		p.emit(")")
	case tagged:
		if v, err := strconv.ParseFloat(t.text, 64); err == nil && t.kind == tokenWord {
			// Not "+0": text that is no number must not count as one.
			p.emit("(("+f.column+" glob '*[0-9]*' and "+f.column+" not glob '*[^-+.0-9eE]*') and cast("+f.column+" as real) "+op+" ?)", v)
			return nil
		}
		column(t.text)
	case text:
		column(t.text)
	}
	return nil
}

// typedValue is the value that a token means to a param.
func typedValue(t token) any {
	if t.kind == tokenWord {
		if v, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return v
		}
		if v, err := strconv.ParseFloat(t.text, 64); err == nil && v == v {
			return v
		}
		switch strings.ToLower(t.text) {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return t.text
}

var keywords = []string{"and", "or", "not", "in", "contains"}

func isKeyword(word string) bool { return slices.Contains(keywords, strings.ToLower(word)) }

// named are the fields with a name of the user's after them.
var named = []string{"metric.", "param.", "tag."}

// functions of a metric, and their columns.
var aggregates = map[string]string{"last": "last", "min": "min", "max": "max", "count": "count"}

// operand reads a field.
func (p *parser) operand() (operand, error) {
	t := p.next()
	if t.kind != tokenWord || isKeyword(t.text) {
		return operand{}, p.wrong(t, "expected a field such as metric.loss, param.lr, tag.arm or status, found %v", t)
	}
	if f, found := fields[strings.ToLower(t.text)]; found {
		return p.plain(t, f), nil
	}
	switch kind, name, _ := strings.Cut(t.text, "."); {
	case kind == "metric" && name != "":
		return p.metric(t, t.text, "last", nil)
	case kind == "param" && name != "":
		id, err := p.known(t, "param", name)
		return operand{kind: typed, name: t.text, column: "x.value", first: []any{id},
			from: "param x where x.name = ?", indexed: true}, err
	case kind == "tag" && name != "":
		id, err := p.known(t, "tag", name)
		return operand{kind: tagged, name: t.text, column: "x.value", first: []any{id},
			from: "tag x where x.name = ?", indexed: true}, err
	}
	if p.peek().is("(") {
		return p.call(t)
	}
	known := append(slices.Collect(maps.Keys(fields)), named...)
	return operand{}, p.wrong(t, "there is no field %s%s: fields are %s", t.text, nearest(t.text, known),
		strings.Join(slices.Sorted(slices.Values(known)), ", "))
}

// plain is the operand of a field that every run has.
func (p *parser) plain(t token, f field) operand {
	switch strings.ToLower(t.text) {
	case "duration":
		return operand{kind: f.kind, name: t.text, column: f.sql, args: []any{p.now.UnixMicro()}}
	case "data":
		return operand{kind: text, name: t.text, column: "x.word",
			from: `(select u.run, u.name as word from data_use u
				union all select u.run, f.digest from data_file f join data_use u on u.id = f.use) x where true`}
	}
	return operand{kind: f.kind, name: t.text, column: f.sql}
}

// call reads the rest of a function of a metric.
func (p *parser) call(t token) (operand, error) {
	function := strings.ToLower(t.text)
	column, found := aggregates[function]
	if !found && function != "at" {
		known := append(slices.Collect(maps.Keys(aggregates)), "at")
		return operand{}, p.wrong(t, "there is no function %s%s: functions are %s", t.text, nearest(t.text, known),
			strings.Join(slices.Sorted(slices.Values(known)), ", "))
	}
	p.next() // (
	m := p.next()
	if !strings.HasPrefix(m.text, "metric.") || m.kind != tokenWord {
		return operand{}, p.wrong(m, "expected a metric such as metric.loss in %s(), found %v", function, m)
	}
	var args []any
	name := function + "(" + m.text + ")"
	if function == "at" {
		if t := p.next(); !t.is(",") {
			return operand{}, p.wrong(t, `expected "," and a step, as in at(%s, 100), found %v`, m.text, t)
		}
		t := p.next()
		step, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return operand{}, p.wrong(t, "expected a step in at(), found %v", t)
		}
		column = `(select value_at(c.data, ?) from chunk c where c.series = x.id and c.low <= ? and c.high >= ?
			and value_at(c.data, ?) is not null order by c.start desc limit 1)`
		args = []any{step, step, step, step}
		name = fmt.Sprintf("at(%s, %d)", m.text, step)
	}
	if t := p.next(); !t.is(")") {
		return operand{}, p.wrong(t, `expected ")", found %v`, t)
	}
	return p.metric(m, name, column, args)
}

func (p *parser) metric(t token, name, column string, args []any) (operand, error) {
	id, err := p.known(t, "metric", strings.TrimPrefix(t.text, "metric."))
	if args == nil {
		column = "x." + column
	}
	return operand{kind: number, name: name, column: column, args: args, first: []any{id},
		from: "series x where x.name = ?", indexed: column == "x.last"}, err
}

// tables are where the names of each kind are used.
var tables = map[string]string{"metric": "series", "param": "param", "tag": "tag"}

// known returns the id of a name. A name that no run has is a mistake, unless
// no run has any of its kind yet.
func (p *parser) known(t token, kind, name string) (int64, error) {
	var id int64
	table := tables[kind]
	err := p.s.read.QueryRowContext(p.ctx, `select n.id from name n
		where n.text = ? and exists (select 1 from `+table+` x where x.name = n.id)`, name).Scan(&id)
	if err != sql.ErrNoRows {
		return id, hint(err)
	}
	names, err := collect(p.ctx, p.s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		`select n.text from name n where exists (select 1 from `+table+` x where x.name = n.id)`)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return 0, p.wrong(t, "no run has a %s called %s%s", kind, name, nearest(name, names))
}

// nearest returns words that offer the known name most like name, if there is
// one that it may be a slip of.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ", do you mean " + best + "?"
}

// distance returns how many bytes must be added, removed, replaced or swapped
// with their neighbour to make a of b.
func distance(a, b string) int {
	rows := [3][]int{}
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		if i == 1 {
			above = rows[1]
		}
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// parseMoment reads a time: a date, with or without the time of day, local
// unless it says otherwise; or how long ago.
func parseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch strings.ToLower(text) {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if ago, found := strings.CutSuffix(text, "ago"); found {
		d, err := parseSpan(strings.TrimSpace(ago))
		return now.Add(-d), err
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Parse(time.RFC3339Nano, text)
}

// parseSpan reads a duration: as time.ParseDuration does, with days and weeks
// before; a bare number is seconds.
func parseSpan(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	var sum time.Duration
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		if n, rest, found := strings.Cut(text, unit.name); found {
			v, err := strconv.ParseFloat(n, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(v * float64(unit.size))
			if text = strings.TrimSpace(rest); text == "" {
				return sum, nil
			}
		}
	}
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	return sum + d, err
}
