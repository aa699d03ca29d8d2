package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
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
// does not. Of data a run has several words: "data = x" is true if x is one of
// them, "data != x" if none is. Numbers compare as numbers, with ints, floats and,
// in tags, text that is a number. metric.NAME is the last value.

// fields are the SQL of what every run has.
var fields = map[string]field{
	"id":         {"r.key", text},
	"name":       {"r.name", text},
	"experiment": {"(select e.name from experiment e where e.id = r.experiment)", text},
	"status":     {"r.status", statusText},
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
	text       fieldKind = iota
	statusText           // one of statuses
	number               // of a metric or the like
	moment               // µs
	span                 // µs
	typed                // as the value says
	tagged               // text that may be a number
)

var statuses = []string{string(Running), string(Finished), string(Failed), string(Killed), string(Interrupted)}

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
	count  int // of comparisons

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
	there  string // whether the run has it, with args too; "" means that it does
	nan    string // of a number: whether it is NaN, with args too; "" means column is null
	from   string // where column is looked up, as x with x.run; "" if it is of r
	first  []any  // arguments of from

	several bool // a run can have several, of which != means none
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
	const most = 1000 // each is a scan of an index, and a set of all runs
	if p.count++; p.count > most {
		return nil, p.wrong(p.peek(), "these are more than %d comparisons", most)
	}
	f, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.sql.Reset()
	p.args = nil
	row := "x.run"
	if f.from == "" {
		row, f.from = "r.id", "run r where true"
	}
	p.emit("select "+row+" from "+f.from, f.first...)
	t := p.next()
	not := t.is("!=") || t.is("!~") || t.is("not") && p.take("in")
	after := ")"
	switch {
	case not && f.several:
		p.emit(" group by " + row + " having not max(")
	case not:
		if f.there != "" {
			p.emit(" and "+f.there, f.args...)
		}
		p.emit(" and (")
		after = ") is not true" // it is null of NaN
	default:
		p.emit(" and (")
	}
	switch {
	case t.is("="), t.is("=="), t.is("!="):
		err = p.compare(f, "=")
	case t.is("<"), t.is("<="), t.is(">"), t.is(">="):
		err = p.compare(f, t.text)
	case t.is("~"), t.is("!~"), t.is("contains"):
		err = p.contains(f)
	case t.is("in"), t.is("not") && not:
		err = p.in(f)
	default:
		err = p.wrong(t, `expected a comparison such as "=" or ">" after %s, found %v`, f.name, t)
	}
	if err != nil {
		return nil, err
	}
	p.emit(after)
	sql, args := p.sql.String(), p.args
	return concurrently(func() (set, error) {
		rows, err := p.s.rowList(p.ctx, sql, args...)
		return setOf(rows), err
	}), nil
}

func (p *parser) contains(f operand) error {
	t := p.next()
	if t.kind != tokenString && t.kind != tokenWord {
		return p.wrong(t, "expected text after %s ~, found %v", f.name, t)
	}
	if f.kind == number || f.kind == moment || f.kind == span {
		return p.wrong(t, "%s is no text: compare it with =, < or >", f.name)
	}
	lower := "lower" // is SQLite's own and quick, but knows ASCII's letters only
	if strings.ContainsFunc(t.text, func(c rune) bool { return c >= utf8.RuneSelf }) {
		lower = "lower_unicode"
	}
	p.emit("instr("+lower+"("+f.column+"), "+lower+"(?)) > 0", append(slices.Clone(f.args), t.text)...)
	return nil
}

func (p *parser) in(f operand) error {
	if t := p.next(); !t.is("(") {
		return p.wrong(t, `expected "(" after in, found %v`, t)
	}
	// SQLite takes 32,766 arguments and expressions 1000 deep, as each "or" is one
	// deeper than the one before it.
	const group, mostArgs = 100, 32_000
	p.emit("((")
	for n := 1; ; n++ {
		if len(p.args) > mostArgs {
			return p.wrong(p.peek(), "this list is too long")
		}
		if err := p.compare(f, "="); err != nil {
			return err
		}
		switch t := p.next(); {
		case t.is(")"):
			p.emit("))")
			return nil
		case !t.is(","):
			return p.wrong(t, `expected "," or ")", found %v`, t)
		}
		if n%group == 0 {
			p.emit(") or (")
		} else {
			p.emit(" or ")
		}
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
		if v != v {
			return p.isNaN(t, f, op)
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
		v := typedValue(t)
		if number, ok := v.(float64); ok && number != number {
			return p.isNaN(t, f, op)
		}
		column(v)
		// Text sorts behind all numbers, but is not larger.
		if _, isText := v.(string); !isText {
			p.emit(" and "+f.column+" < ''", f.args...)
		} else if op != "=" {
			p.emit(" and "+f.column+" >= ''", f.args...)
		}
	case tagged:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil || v != v || t.kind != tokenWord {
			column(t.text)
			return nil
		}
		// A cast makes SQLite take text that is a number, as a whole, for that number.
		p.emit(f.column+" "+op+" cast(? as real) and "+f.column+" <= cast(9e999 as real)", v)
	case statusText:
		if !slices.Contains(statuses, t.text) {
			return p.wrong(t, "there is no status %s%s: it is one of %s", t.text, nearest(t.text, statuses), strings.Join(statuses, ", "))
		}
		column(t.text)
	case text:
		column(t.text)
	}
	return nil
}

// isNaN compares the operand with NaN, which is null in the file.
func (p *parser) isNaN(t token, f operand, op string) error {
	if op != "=" {
		return p.wrong(t, "NaN is neither larger nor smaller than a number: use = or !=")
	}
	p.emit(cmp.Or(f.nan, f.column+" is null"), f.args...)
	return nil
}

// typedValue is the value that a token means to a param.
func typedValue(t token) any {
	if t.kind == tokenWord {
		if v, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return v
		}
		if v, err := strconv.ParseFloat(t.text, 64); err == nil {
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
		return p.metric(t, operand{kind: number, name: t.text, column: "x.last"})
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
	o := operand{kind: f.kind, name: t.text, column: f.sql, there: f.sql + " is not null"}
	switch strings.ToLower(t.text) {
	case "duration":
		o.args = []any{p.now.UnixMicro()}
	case "data":
		return operand{kind: text, name: t.text, column: "x.word", several: true,
			from: `(select u.run, u.name as word from data_use u
				union all select u.run, f.digest from data_file f join data_use u on u.id = f.use) x where true`}
	}
	return o
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
	f := operand{kind: number, name: function + "(" + m.text + ")", column: "x." + column}
	if function == "at" {
		if t := p.next(); !t.is(",") {
			return operand{}, p.wrong(t, `expected "," and a step, as in at(%s, 100), found %v`, m.text, t)
		}
		t := p.next()
		step, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return operand{}, p.wrong(t, "expected a step in at(), found %v", t)
		}
		value := `(select value_at(c.data, ?) from chunk c where c.series = x.id and c.low <= ? and c.high >= ?
			and value_at(c.data, ?) is not null order by c.start desc limit 1)`
		f.column, f.there, f.nan = "nullif("+value+", 'NaN')", value+" is not null", value+" = 'NaN'"
		f.args = []any{step, step, step, step}
		f.name = fmt.Sprintf("at(%s, %d)", m.text, step)
	}
	if t := p.next(); !t.is(")") {
		return operand{}, p.wrong(t, `expected ")", found %v`, t)
	}
	return p.metric(m, f)
}

// metric completes the operand of the metric that a token names.
func (p *parser) metric(t token, f operand) (operand, error) {
	id, err := p.known(t, "metric", strings.TrimPrefix(t.text, "metric."))
	f.from, f.first, f.indexed = "series x where x.name = ?", []any{id}, f.column == "x.last"
	return f, err
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
	const longest = 100                                      // what takes longer to compare is no slip of a hand
	best, least := "", min(max(2, len(name)/3)+1, len(name)) // not one with no letter in common
	for _, k := range slices.Sorted(slices.Values(known)) {
		if max(len(name), len(k)) > longest {
			continue
		}
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
	text = strings.ReplaceAll(text, " ", "")
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return parseUnits(text, time.Second)
	}
	var sum time.Duration
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		if n, rest, found := strings.Cut(text, unit.name); found {
			d, err := parseUnits(n, unit.size)
			if err != nil {
				return 0, err
			}
			sum += d
			if text = rest; text == "" {
				return sum, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	return sum + d, err
}

// parseUnits reads a number of units of time.
func parseUnits(number string, unit time.Duration) (time.Duration, error) {
	v, err := strconv.ParseFloat(number, 64)
	if v *= float64(unit); err == nil && !(math.Abs(v) < math.MaxInt64) {
		err = strconv.ErrRange
	}
	return time.Duration(v), err
}
