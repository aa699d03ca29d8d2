package table

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/assay-ml/assay/gomlx_models/modeltest"
)

func open(t *testing.T, path string, o Options) *Frame {
	t.Helper()
	f, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, text string, o Options) *Frame {
	t.Helper()
	f, err := ReadCSV(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-10*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestKindsAreInferred(t *testing.T) {
	f := read(t, "\ufeffage;sex;icd;dose\n61;f;7;1e-3\n;m;NA;?\n 47 ;f;10;2\n", Options{Kinds: map[string]Kind{"icd": Category}})
	want := &Frame{Columns: []Column{
		{Name: "age", Kind: Number, Numbers: []float64{61, math.NaN(), 47}},
		{Name: "sex", Kind: Category, Levels: []string{"f", "m"}, Codes: []int{0, 1, 0}},
		{Name: "icd", Kind: Category, Levels: []string{"10", "7"}, Codes: []int{1, -1, 0}},
		{Name: "dose", Kind: Number, Numbers: []float64{1e-3, math.NaN(), 2}},
	}}
	if fmt.Sprint(f) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", f, want)
	}
	shown := f.Describe()
	if got := shown.Rows[0]; !slices.Equal(got, []string{"age", "number", "1 (33.3 %)", "2", "47 to 61, median 54"}) {
		t.Errorf("described as %q", got)
	}
	if got := shown.Rows[1]; !slices.Equal(got, []string{"sex", "category", "0 (0.0 %)", "2", "f (2), m (1)"}) {
		t.Errorf("described as %q", got)
	}
}

func TestZeroMayMeanMissing(t *testing.T) {
	f := read(t, "glucose,pregnancies\n0,0\n120,2\n", Options{ZeroMissing: []string{"glucose"}})
	if g, n := f.Columns[0].Numbers, f.Columns[1].Numbers; !math.IsNaN(g[0]) || g[1] != 120 || n[0] != 0 {
		t.Errorf("got %v and %v", g, n)
	}
}

func TestFilesOfEveryKindReadAlike(t *testing.T) {
	want := open(t, "testdata/mixed.csv", Options{})
	if want.Rows() != 60 || len(want.Columns) != 5 {
		t.Fatalf("read %d rows of %d columns", want.Rows(), len(want.Columns))
	}
	text, err := os.ReadFile("testdata/mixed.csv")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(bytes.ReplaceAll(text, []byte(","), []byte("\t")))
	w.Close()
	path := filepath.Join(dir, "mixed.tsv.gz")
	if err := os.WriteFile(path, zipped.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, "testdata/mixed.parquet"} {
		if got := open(t, path, Options{}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s differs from mixed.csv:\n%v\n%v", path, got, want)
		}
	}
}

func TestReadingMistakesAreNamed(t *testing.T) {
	f := func(text string, o Options, want string) {
		t.Helper()
		if _, err := ReadCSV(strings.NewReader(text), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", text, err, want)
		}
	}
	f("", Options{}, "the file is empty")
	f("a,b\n1,2\n3\n", Options{}, "line 3 has 1 cells where the header has 2")
	f("a,a\n1,2\n", Options{}, `two columns are called "a"`)
	f("a\nx\n", Options{Kinds: map[string]Kind{"a": Number}}, `column "a", row 0: "x" is not a finite number`)
	f("a\n1\n", Options{Kinds: map[string]Kind{"b": Number}}, `declare a column "b"`)
	f("a\n1\n", Options{Kinds: map[string]Kind{"a": "text"}}, `no kind "text"`)
	f("a\n1\n", Options{ZeroMissing: []string{"b"}}, `zero is missing in "b"`)
	f("a\n\"1\n", Options{}, "quote")
	if _, err := Open("no such file.csv", Options{}); err == nil {
		t.Error("a file that is not there was read")
	}
}

// reference is testdata/reference.json, made by reference.py beside it.
func reference(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	return modeltest.Reference[map[string]json.RawMessage](t)
}

func TestFeaturesAreScikitLearns(t *testing.T) {
	frame, ref := open(t, "testdata/mixed.csv", Options{}), reference(t)
	f := func(name string, plan Plan) {
		t.Helper()
		var want [][]float64
		if err := json.Unmarshal(ref[name], &want); err != nil {
			t.Fatal(err)
		}
		_, x, err := Fit(plan, frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			for j := range want[i] {
				near(t, fmt.Sprintf("%s, row %d, feature %d", name, i, j), x[i][j], want[i][j])
			}
		}
	}
	numbers := []string{"age", "lactate", "bmi"}
	f("standard", Plan{Columns: numbers, Number: NumberPlan{Scale: Standard}})
	f("robust", Plan{Columns: numbers, Number: NumberPlan{Scale: Robust}})
	f("minmax", Plan{Columns: numbers, Number: NumberPlan{Scale: MinMax}})
	f("mode", Plan{Columns: numbers, Number: NumberPlan{Impute: Mode}})
	f("knn", Plan{Columns: numbers, Number: NumberPlan{Impute: Neighbour, Neighbours: 4}})
	f("onehot", Plan{Columns: []string{"site"}})

	var want []float64
	if err := json.Unmarshal(ref["target"], &want); err != nil {
		t.Fatal(err)
	}
	y, err := frame.Numbers("y")
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := Fit(Plan{Columns: []string{"site"}, Category: CategoryPlan{Encode: Target}}, frame, y)
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Transform(frame)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		near(t, "target", x[i][0], w)
	}
}

// A category that says nothing of the outcome must not predict it in training: it
// would if a row's own outcome were in its encoding.
func TestTargetEncodingDoesNotLeak(t *testing.T) {
	var site []string
	var y []float64
	for i := range 400 {
		site = append(site, fmt.Sprint("site ", i%200)) // two rows a site
		y = append(y, float64(i*7919%13%2))
	}
	frame := &Frame{Columns: []Column{CategoryColumn("site", site)}}
	plan := Plan{Category: CategoryPlan{Encode: Target, Smooth: 0.1}}
	p, x, err := Fit(plan, frame, y)
	if err != nil {
		t.Fatal(err)
	}
	leaky, err := p.Transform(frame)
	if err != nil {
		t.Fatal(err)
	}
	correlation := func(x [][]float64) float64 {
		column := make([]float64, len(x))
		for i := range x {
			column[i] = x[i][0]
		}
		mx, vx := moments(column)
		my, vy := moments(y)
		var cov float64
		for i := range y {
			cov += (column[i] - mx) * (y[i] - my) / float64(len(y)-1)
		}
		return cov / math.Sqrt(vx*vy)
	}
	if c := correlation(leaky); c < 0.4 {
		t.Errorf("the test is too weak: without cross-fitting the correlation is %v", c)
	}
	if c := correlation(x); c > 0.15 {
		t.Errorf("training features correlate %v with an outcome they know nothing of", c)
	}
	// With every site a patient, no fold knows a row's site.
	_, x, err = FitGroups(plan, frame, y, site)
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[float64]bool{}
	for _, row := range x {
		distinct[row[0]] = true
	}
	if len(distinct) > 5 {
		t.Errorf("five folds that know no site make %d encodings", len(distinct))
	}
}

func TestRareUnseenAndMissingCategories(t *testing.T) {
	train := read(t, "site\na\na\na\nb\nb\nb\nc\nNA\n", Options{})
	test := read(t, "site\na\nc\nz\n?\n", Options{})
	f := func(plan CategoryPlan, names []string, want [][]float64) {
		t.Helper()
		p, _, err := Fit(Plan{Category: plan}, train, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := p.Transform(test)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Names(), names) || fmt.Sprint(x) != fmt.Sprint(want) {
			t.Errorf("%+v: got %q %v, want %q %v", plan, p.Names(), x, names, want)
		}
	}
	nan := math.NaN()
	f(CategoryPlan{MinRows: 2}, []string{"site = a", "site = b", "site = other"},
		[][]float64{{1, 0, 0}, {0, 0, 1}, {0, 0, 1}, {0, 0, 1}})
	f(CategoryPlan{MinRows: 1}, []string{"site = a", "site = b", "site = c", "site = missing"},
		[][]float64{{1, 0, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}})
	f(CategoryPlan{DropFirst: true}, []string{"site = b", "site = c", "site = missing"},
		[][]float64{{0, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0, 1}})
	f(CategoryPlan{Encode: Codes, Impute: Leave}, []string{"site"}, [][]float64{{0}, {2}, {nan}, {nan}})
	f(CategoryPlan{Encode: Ordinal, Order: []string{"c", "b", "a"}, Impute: Mode}, []string{"site"}, [][]float64{{2}, {0}, {nan}, {2}})
}

func TestPipelineSavesAsJSON(t *testing.T) {
	frame := open(t, "testdata/mixed.csv", Options{})
	y, err := frame.Numbers("y")
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{
		Drop:       []string{"y"},
		Number:     NumberPlan{Impute: Neighbour, Scale: Robust, Indicator: true},
		Numbers:    map[string]NumberPlan{"bmi": {Impute: Constant, Constant: 25}, "age": {Impute: Leave}},
		Categories: map[string]CategoryPlan{"site": {Encode: Target}},
	}
	p, _, err := Fit(plan, frame, y)
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.Transform(frame)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var saved Pipeline
	if err := json.Unmarshal(b, &saved); err != nil {
		t.Fatal(err)
	}
	got, err := saved.Transform(frame)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || !slices.Equal(saved.Names(), p.Names()) {
		t.Error("the saved pipeline makes other features")
	}
	if names := p.Names(); !slices.Equal(names, []string{"age", "lactate", "lactate is missing", "site", "bmi"}) {
		t.Errorf("names %q", names)
	}
	// A row has the features it has in a batch, and nothing is learnt from it.
	alone, err := p.Transform(frame.Take([]int{7}))
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(alone[0]) != fmt.Sprint(want[7]) {
		t.Errorf("row 7 alone: got %v, in a batch %v", alone[0], want[7])
	}
}

func TestForTreesLeavesCodesAndGaps(t *testing.T) {
	frame := open(t, "testdata/mixed.csv", Options{})
	p, x, err := Fit(ForTrees(), frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Categorical(), []bool{false, false, true, false, false}) {
		t.Errorf("categorical %v of %q", p.Categorical(), p.Names())
	}
	if got := p.CodeNames(); !reflect.DeepEqual(got, map[int][]string{2: {"a", "b", "c", "d"}}) {
		t.Errorf("code names %v", got)
	}
	for i, row := range x {
		if math.IsNaN(row[0]) != frame.Columns[0].Missing(i) {
			t.Fatalf("row %d: %v where the age is %q", i, row[0], frame.Columns[0].Text(i))
		}
	}
	// More levels than a tree takes: the rarest become one.
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint("level ", i*i%997%400))
	}
	p, _, err = Fit(ForTrees(), &Frame{Columns: []Column{CategoryColumn("drug", many)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.CodeNames()[0]); n > maxCodes {
		t.Errorf("%d codes", n)
	}
}

func TestPlanMistakesAreNamed(t *testing.T) {
	frame := open(t, "testdata/mixed.csv", Options{})
	f := func(plan Plan, want string) {
		t.Helper()
		if _, _, err := Fit(plan, frame, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(Plan{Columns: []string{"weight"}}, `no column "weight"`)
	f(Plan{Drop: []string{"weight"}}, `no column "weight"`)
	f(Plan{Columns: []string{"age"}, Drop: []string{"age"}}, "no columns")
	f(Plan{Number: NumberPlan{Impute: Levels}}, `cannot be imputed by "level"`)
	f(Plan{Number: NumberPlan{Scale: "log"}}, `no scale "log"`)
	f(Plan{Category: CategoryPlan{Encode: "hash"}}, `no encoding "hash"`)
	f(Plan{Category: CategoryPlan{Encode: Target}}, "outcome, which is not given")
	f(Plan{Category: CategoryPlan{Encode: Ordinal, Order: []string{"a"}}}, `leaves out the level "b"`)
	f(Plan{Numbers: map[string]NumberPlan{"site": {}}}, `"site" holds categories`)
	p, _, err := Fit(Plan{Columns: []string{"age"}}, frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Transform(read(t, "age\nold\n", Options{})); err == nil || !strings.Contains(err.Error(), `categories such as "old" where training had numbers`) {
		t.Errorf("a column of another kind: error %v", err)
	}
	if _, err := p.Transform(read(t, "sex\nf\n", Options{})); err == nil || !strings.Contains(err.Error(), `no column "age"`) {
		t.Errorf("a column that is not there: error %v", err)
	}
}

func TestTableOne(t *testing.T) {
	f := read(t, "dead,age,sex,copd\n1,70,m,1\n1,80,f,0\n1,75,m,1\n0,50,m,0\n0,60,f,1\n0,,f,\n0,55,f,0\n", Options{})
	got, err := f.TableOne("dead")
	if err != nil {
		t.Fatal(err)
	}
	// age: means 75 and 55, variances 25 and 25: 20 / 5. Men: 2/3 and 1/4.
	want := [][]string{
		{"age", "65 [56.25, 73.75]", "55 [52.5, 57.5]", "75 [72.5, 77.5]", "1 (14.3 %)", "4.00"},
		{"sex = f", "4 (57.1 %)", "3 (75.0 %)", "1 (33.3 %)", "0 (0.0 %)", "0.92"},
		{"sex = m", "3 (42.9 %)", "1 (25.0 %)", "2 (66.7 %)", "0 (0.0 %)", "0.92"},
		{"copd = 1", "3 (50.0 %)", "1 (33.3 %)", "2 (66.7 %)", "1 (14.3 %)", "0.71"},
	}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %q\nwant %q", got.Rows, want)
	}
	if _, err := f.TableOne("alive"); err == nil {
		t.Error("a table by a column that is not there")
	}
}

func TestDamagedParquetIsAnError(t *testing.T) {
	whole, err := os.ReadFile("testdata/mixed.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 4, 100, len(whole) / 2, len(whole) - 1} {
		if _, err := ReadParquet(bytes.NewReader(whole[:n]), int64(n), Options{}); err == nil {
			t.Errorf("%d of %d bytes were read as a file", n, len(whole))
		}
	}
	type nested struct{ Doses []float64 }
	var b bytes.Buffer
	if err := parquet.Write(&b, []nested{{[]float64{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()), Options{}); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("a column of lists: error %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,x\n,?\n"), int32(0))
	f.Add([]byte("\ufeffa;b\n\"1\n2\";3\n"), int32(';'))
	f.Fuzz(func(t *testing.T, text []byte, comma int32) {
		frame, err := ReadCSV(bytes.NewReader(text), Options{Comma: comma})
		if err != nil {
			return
		}
		frame.Describe()
		for i := range frame.Columns {
			c := &frame.Columns[i]
			if c.Len() != frame.Rows() {
				t.Fatalf("column %q has %d rows, the first %d", c.Name, c.Len(), frame.Rows())
			}
			for j := range c.Len() {
				if c.Kind == Number && math.IsInf(c.Numbers[j], 0) {
					t.Fatalf("column %q, row %d: %v", c.Name, j, c.Numbers[j])
				}
				c.Text(j)
			}
		}
	})
}

func FuzzReadParquet(f *testing.F) {
	whole, err := os.ReadFile("testdata/mixed.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ReadParquet(bytes.NewReader(b), int64(len(b)), Options{})
		if err != nil {
			return
		}
		for i := range frame.Columns {
			if frame.Columns[i].Len() != frame.Rows() {
				t.Fatal("columns differ in length")
			}
		}
	})
}

func ExampleFit() {
	train, err := ReadCSV(strings.NewReader("age,sex\n40,f\n60,m\n,f\n"), Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	test, err := ReadCSV(strings.NewReader("age,sex\n,m\n"), Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	pipeline, _, err := Fit(Plan{}, train, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := pipeline.Transform(test)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pipeline.Names(), x[0])
	// Output: [age sex = f sex = m] [50 0 1]
}

// A column that lacks nothing in training has no indicator: it would be zero for
// every row learnt from, and say nothing.
func TestIndicatorOfColumnsThatLackValues(t *testing.T) {
	train := &Frame{Columns: []Column{NumberColumn("age", []float64{1, 2, 3}), NumberColumn("bmi", []float64{1, math.NaN(), 3})}}
	pipeline, _, err := Fit(Plan{Number: NumberPlan{Indicator: true}}, train, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pipeline.Names(), []string{"age", "bmi", "bmi is missing"}; !slices.Equal(got, want) {
		t.Errorf("got features %q, want %q", got, want)
	}
	if pipeline, _, err = Fit(Plan{Number: NumberPlan{Indicator: true, MinRows: 2}}, train, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := pipeline.Names(), []string{"age", "bmi"}; !slices.Equal(got, want) {
		t.Errorf("one row lacks bmi, and two are wanted: got features %q, want %q", got, want)
	}
}

// A model whose rows come from elsewhere has no pipeline.
func TestNoPipeline(t *testing.T) {
	var none *Pipeline
	if names, categorical, codes := none.Names(), none.Categorical(), none.CodeNames(); names != nil || categorical != nil || len(codes) > 0 {
		t.Errorf("names %q, categorical %v, codes %v, want none", names, categorical, codes)
	}
	if _, err := none.Transform(&Frame{}); err == nil || !strings.Contains(err.Error(), "there is no Pipeline to read a table with: Fit one") {
		t.Errorf("got %v", err)
	}
}

// A mean of equal values may round, and leave a deviation of next to nothing: one
// must not divide by it.
func TestConstantColumnsBecomeZeros(t *testing.T) {
	for n := 1; n <= 100; n++ {
		values := slices.Repeat([]float64{0.1}, n)
		frame := &Frame{Columns: []Column{NumberColumn("dose", values)}}
		for _, scale := range []Scale{Standard, Robust, MinMax} {
			p, x, err := Fit(Plan{Number: NumberPlan{Scale: scale}}, frame, nil)
			if err != nil {
				t.Fatal(err)
			}
			other, err := p.Transform(&Frame{Columns: []Column{NumberColumn("dose", []float64{0.3})}})
			if err != nil {
				t.Fatal(err)
			}
			if x[0][0] != 0 || math.Abs(other[0][0]-0.2) > 1e-12 {
				t.Fatalf("%s, %d rows of 0.1: 0.1 becomes %v and 0.3 %v, want 0 and 0.2", scale, n, x[0][0], other[0][0])
			}
		}
		var rows [][]float64
		for _, v := range values {
			rows = append(rows, []float64{v})
		}
		if mean, deviation := Moments(rows); mean[0] != 0.1 || deviation[0] != 1 {
			t.Fatalf("%d rows of 0.1: mean %v and deviation %v, want 0.1 and 1", n, mean, deviation)
		}
	}
}

// Identifiers keep their digits: as patients, two of them must not become one.
func TestIdentifiersStayText(t *testing.T) {
	f := read(t, "patient,mrn,study,age,code\n10000001,0012,9007199254740993,007,100\n10000002,12,9007199254740992,42,2\n",
		Options{Kinds: map[string]Kind{"age": Number}})
	want := func(name string, want ...string) {
		t.Helper()
		got, err := f.Texts(name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	want("patient", "10000001", "10000002")
	want("mrn", "0012", "12")
	want("study", "9007199254740993", "9007199254740992")
	want("age", "7", "42")
	want("code", "100", "2")
	if f.Columns[0].Kind != Number || f.Columns[4].Kind != Number {
		t.Errorf("plain numbers were taken for %s and %s", f.Columns[0].Kind, f.Columns[4].Kind)
	}
}

// A file whose codes are all digits is read as numbers; those that training knew by
// another spelling are known.
func TestCodesReadAsNumbers(t *testing.T) {
	train := read(t, "stage\n1.0\n2.0\nunknown\n2.0\n", Options{})
	p, _, err := Fit(Plan{}, train, nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Transform(read(t, "stage\n1.0\n2\n3\n", Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 0}}; !reflect.DeepEqual(x, want) {
		t.Errorf("got %v, want %v", x, want)
	}
}

func TestColumnsOfDifferentLengths(t *testing.T) {
	f := &Frame{Columns: []Column{NumberColumn("age", []float64{1, 2}), CategoryColumn("sex", []string{"f"})}}
	if _, _, err := Fit(Plan{}, f, nil); err == nil || !strings.Contains(err.Error(), `"sex" has 1 rows where "age" has 2`) {
		t.Errorf("Fit: got %v", err)
	}
	if _, err := f.TableOne("age"); err == nil {
		t.Error("TableOne: no error")
	}
}

func TestTableOneOfGroupsWithoutValues(t *testing.T) {
	f := read(t, "dead,platelets,dose,lactate\n1,263000,1,NA\n1,212000,1,NA\n0,302500,2,5\n0,150000,2,7\n", Options{})
	got, err := f.TableOne("dead")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"platelets", "237500 [196500, 272875]", "226250 [188125, 264375]", "237500 [224750, 250250]", "0 (0.0 %)", "0.14"},
		{"dose", "1.5 [1, 2]", "2 [2, 2]", "1 [1, 1]", "0 (0.0 %)", "–"}, // nothing to measure the difference by
		{"lactate", "6 [5.5, 6.5]", "6 [5.5, 6.5]", "–", "2 (50.0 %)", "–"},
	}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %q\nwant %q", got.Rows, want)
	}
}

func TestParquetTypes(t *testing.T) {
	type row struct {
		Cost    int64   `parquet:"cost,decimal(2:10)"`
		Wide    [9]byte `parquet:"wide,decimal(1:20)"`
		Count   uint32  `parquet:"count"`
		Seen    int64   `parquet:"seen,timestamp(nanosecond)"`
		Patient int64   `parquet:"patient"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{
		{12345, [9]byte{8: 15}, 4_000_000_000, 1_700_000_000_000_000_000, 9007199254740993},
		{-5, [9]byte{255, 255, 255, 255, 255, 255, 255, 255, 255}, 1, 0, 9007199254740992},
	}); err != nil {
		t.Fatal(err)
	}
	open := func(o Options) (*Frame, error) { return ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()), o) }
	if _, err := open(Options{}); err == nil || !strings.Contains(err.Error(), `column "patient" holds whole numbers such as 9007199254740993`) {
		t.Errorf("identifiers beyond 2⁵³: got %v", err)
	}
	f, err := open(Options{Kinds: map[string]Kind{"patient": Category}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"cost": {"123.45", "-0.05"}, "wide": {"1.5", "-0.1"}, "count": {"4000000000", "1"}, "seen": {"1.7e+18", "0"},
		"patient": {"9007199254740993", "9007199254740992"},
	} {
		if got, err := f.Texts(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}
