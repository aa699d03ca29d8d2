package kernel

import (
	"context"
	"strings"
	"testing"
)

func TestValuesAreCarried(t *testing.T) {
	s := testSession(t)
	f := func(source, want string) {
		t.Helper()
		if got := execute(t, s, source); got.err != nil || got.stdout != want {
			var traceback []string
			if got.err != nil {
				traceback = got.err.Traceback
			}
			t.Errorf("%q printed %q, %v, want %q\n%s", source, got.stdout, got.err, want, strings.Join(traceback, "\n"))
		}
	}
	f("x := 3", "") // declared and used, as later cells may
	f("fmt.Println(x * 2)", "6\n")
	f("x++\ny, z := x, []float64{math.NaN(), 2}", "") // changed, and carried again
	f("fmt.Println(x, y, z)", "4 4 [NaN 2]\n")
	f("%%\ny := x + 10\nx := \"now text\"\nfmt.Println(x, y)", "now text 14\n") // used, then declared anew
	f("fmt.Println(x, y)", "now text 14\n")
	f("type Row struct {\n\tName string\n\tAge  int\n}\nrows := []Row{{\"Ada\", 36}}\nbyName := map[string]*Row{\"Ada\": &rows[0]}\nvar when time.Time", "")
	f("rows = append(rows, Row{Name: \"Bob\"})\nfmt.Println(len(rows), byName[\"Ada\"].Age, when.IsZero())", "2 36 true\n")
	f("func count(rows []Row) int { return len(rows) }\nfmt.Println(count(rows))", "2\n")
	f("largest := 0\nfor _, r := range rows {\n\tlargest := max(largest, r.Age)\n\t_ = largest\n}\nfmt.Println(largest)", "0\n")
	f("const x = 1.5\nfmt.Println(x)", "1.5\n") // a declaration of the package goes before
	f("x := 7\nfmt.Println(x)", "7\n")
	f("fmt.Println(x)", "1.5\n")
	f("import \"strings\"\nstrings := strings.ToUpper(\"a\")\nfmt.Println(strings)", "A\n") // as a package does
	f("fmt.Println(strings.ToLower(\"B\"))", "b\n")
	f("max := 5\nfmt.Println(max)", "5\n") // so does what Go declares
	f("fmt.Println(max(1, 2))", "2\n")
	f("type Row struct{ Age float64 }", "")
	f("größe, empty := 1.75, map[string]int{}", "")
	f("empty[\"a\"] = 1\nfmt.Println(größe, empty)", "1.75 map[a:1]\n")
	f("import \"github.com/assay-ml/assay/gomlx_models/table\"\nframe := table.Frame{Columns: []table.Column{table.NumberColumn(\"age\", []float64{36})}}", "")
	f("fmt.Println(frame.Columns[0].Name, frame.Columns[0].Numbers)", "age [36]\n")
	f("var counts [2]struct{ N, M int }\ncounts[1].M = 5", "")
	f("fmt.Println(counts)", "[{0 0} {0 5}]\n")

	fails := func(source string, want ...string) {
		t.Helper()
		got := execute(t, s, source)
		if got.err == nil {
			t.Errorf("%q did not fail", source)
			return
		}
		for _, w := range want {
			if !strings.Contains(got.err.Message, w) {
				t.Errorf("%q: %s, want %q in it", source, got.err.Message, w)
			}
		}
	}
	fails("fmt.Println(rows[0])", "wrong type (float64)", "run that cell again") // a Row is another now
	f("ch, err := make(chan int), error(nil)\nvar b strings.Builder\ntype local struct{ A int }\nhere := []local{{1}}\nfile := os.Stdout", "")
	fails("close(ch)", "undefined: ch", "a channel has no encoding", "make it again")
	fails("fmt.Println(b.String())", "the field addr of strings.Builder is not exported")
	fails("fmt.Println(err)", "the interface error")
	fails("fmt.Println(here)", "declared among the cell's statements")
	fails("fmt.Println(file)", "of os.File is not exported")
	fails("func g() float64 { return größe }\nfmt.Println(g())", "functions do not see those")
	f("big := make([]float64, 20<<20)\nfor i := range big {\n\tbig[i] = 1 / float64(i+3)\n}", "")
	fails("fmt.Println(big[0])", "larger than 64 MiB")
	fails("lost := 1\nos.Exit(lost)")
	fails("fmt.Println(lost)", "undefined: lost", "keeps it at its end, which it has not come to")
	f("if early := 1; early == 1 {\n\treturn\n}\nlater := 2", "")
	fails("later", "undefined: later", "keeps it at its end")
	f("lost := 2\n// %reset is a word", "")
	f("fmt.Println(lost)", "2\n")

	if got := execute(t, s, "%assay values"); !strings.Contains(got.stdout, "größe") || !strings.Contains(got.stdout, "not carried: a channel") || !strings.Contains(got.stdout, "table.Frame") {
		t.Errorf("%%assay values: %s", got.stdout)
	}
	execute(t, s, "%reset")
	fails("fmt.Println(größe)", "undefined: größe")
}

// A model is carried in the encoding that its Save writes, whatever its type is
// called.
func TestModelsAreCarried(t *testing.T) {
	w := testWorkspace(t)
	f := func(pkg, typeName, want string) {
		t.Helper()
		got, err := w.loader(modulePath+"/gomlx_models/"+pkg, typeName)
		if err != nil || got != want {
			t.Errorf("%s.%s is loaded by %q, %v, want %q", pkg, typeName, got, err, want)
		}
	}
	f("imaging", "CNN", "Load")
	f("text", "Network", "Load")
	f("text", "Baseline", "LoadBaseline")
	if got, err := w.loader(modulePath+"/gomlx_models/table", "Frame"); err == nil {
		t.Errorf("a Frame is loaded by %q", got)
	}
	if got, err := w.loader("example.com/other", "Model"); err == nil || !strings.Contains(err.Error(), "no function that loads it") {
		t.Errorf("a type of another module is loaded by %q, %v", got, err)
	}

	s := testSession(t)
	got := execute(t, s, `import (
	"context"

	"github.com/assay-ml/assay/gomlx_models/prognosis"
)
%%
var data prognosis.Dataset[float64]
for i := range 40 {
	data.X, data.Y = append(data.X, prognosis.Row{float64(i%7)}), append(data.Y, float64(2*(i%7)+1))
}
model := prognosis.NewRegressor(prognosis.Config{Method: prognosis.Linear})
if err := model.Fit(context.Background(), data); err != nil {
	log.Fatal(err)
}`)
	if got.err != nil {
		t.Fatal(got.err, strings.Join(got.err.Traceback, "\n"))
	}
	if got := execute(t, s, "answers, err := model.Predict(context.Background(), data.X)\nfmt.Printf(\"%.3f %v\\n\", answers[6], err)"); got.err != nil || got.stdout != "13.000 <nil>\n" {
		t.Errorf("a model of the cell before answers %q, %v", got.stdout, got.err)
	}
}

// A mistake in a graph is one of the line that makes it, not of the one that
// executes it.
func TestMistakesInGraphs(t *testing.T) {
	s := testSession(t)
	if got := execute(t, s, "import (\n\t\"github.com/gomlx/gomlx/core/graph\"\n\t\"github.com/gomlx/compute/gobackend\"\n)"); got.err != nil {
		t.Fatal(got.err)
	}
	f := func(statement, message string) {
		t.Helper()
		got := execute(t, s, `backend, _ := gobackend.New("")
out := graph.MustExecOnce(backend, func(x *graph.Node) *graph.Node {
	y := graph.Add(x, x)
	return `+statement+`
}, []float32{1, 2, 3})
fmt.Println(out)`)
		if got.err == nil || got.err.Failure != Panic || got.err.At.Line != 4 || !strings.HasPrefix(got.err.Message, message) || strings.Contains(got.err.Message, "\n") {
			t.Errorf("%s: %v, want %q in line 4", statement, got.err, message)
		}
		if got.stdout != "" {
			t.Errorf("%s printed %q", statement, got.stdout)
		}
	}
	f("graph.Reshape(y, 7)", "total requested size 7")
	f("graph.MatMul(y, graph.Const(y.Graph(), [][]float32{{1}}))", "DotGeneral contracting dimensions")
	if got := execute(t, s, "1 + 1"); got.err != nil || len(got.outputs) != 1 {
		t.Errorf("the next cell: %v, %v", got.outputs, got.err)
	}
}

func TestCacheInCells(t *testing.T) {
	w := testWorkspace(t)
	w.Env = []string{"ASSAY_HOME=" + t.TempDir()}
	s, err := Start(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := func(source, want string) {
		t.Helper()
		if got := execute(t, s, source); got.err != nil || got.stdout != want {
			t.Errorf("%q printed %q, %v, want %q", source, got.stdout, got.err, want)
		}
	}
	f("import \"github.com/assay-ml/assay/experiments/cache\"\nfunc slow() ([]int, error) {\n\tfmt.Println(\"made\")\n\treturn []int{size}, nil\n}\nconst size = 3", "")
	f("x, err := cache.Get(\"slow\", nil, slow)\nfmt.Println(x, err)", "made\n[3] <nil>\n")
	f("fmt.Println(cache.Get(\"slow\", nil, slow))", "[3] <nil>\n")
	f("const size = 4", "")
	f("fmt.Println(cache.Get(\"slow\", nil, slow))", "made\n[4] <nil>\n")
}
