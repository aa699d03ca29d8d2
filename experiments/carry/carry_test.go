package carry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/gomlx_models/table"
)

type pair[A, B any] struct {
	First  A
	Second B
}

type Pair[A, B any] pair[A, B]

type Tree struct{ Children []Tree }

type Ring struct{ Next *Ring }

func TestDescribe(t *testing.T) {
	f := func(value any, want string) {
		t.Helper()
		d, err := describe(reflect.TypeOf(value))
		got := d.Expression
		if err != nil {
			got = err.Error()
		}
		for _, alias := range slices.Sorted(maps.Keys(d.Imports)) {
			got += " " + alias + "=" + d.Imports[alias]
		}
		if got != want {
			t.Errorf("%T is described as %s, want %s", value, got, want)
		}
	}
	f(1, "int")
	f(map[string][]*float32{}, "map[string][]*float32")
	f([3]complex64{}, "[3]complex64")
	f(time.Second, "p0.Duration p0=time")
	f([]*table.Frame{}, "[]*p0.Frame p0=github.com/assay-ml/assay/gomlx_models/table")
	f(struct {
		A int `json:"a"`
		B any
	}{}, "struct{A int \"json:\\\"a\\\"\"; B any}")
	f(Pair[time.Time, []int]{}, "p0.Pair[p1.Time,[]int] p0=github.com/assay-ml/assay/experiments/carry p1=time")
	f(pair[int, int]{}, "the type pair of package github.com/assay-ml/assay/experiments/carry is not exported")
	f(struct{ error }{}, "the type struct { error } has no name")
	f(make(chan int), "a channel has no encoding")
	f([]func(){}, "a function has no encoding")
	f([]error{}, "what the interface error holds has no type that is known before")
	f(reflect.Value{}, "p0.Value p0=reflect")
}

func TestEncode(t *testing.T) {
	f := func(value any, want string) {
		t.Helper()
		err := Encode(io.Discard, reflect.ValueOf(value))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%T: %v, want %q", value, err, want)
		}
	}
	f(Tree{[]Tree{{}, {}}}, "")
	f(big.NewInt(3), "") // has an encoding of its own
	f(map[string]any{"a": 1, "b": "c"}, "")
	f(&Ring{}, "points to others of its kind")
	f(strings.NewReader(""), "the field s of strings.Reader is not exported")
	f(struct{ F func() }{}, "a function has no encoding") // which gob drops without a word
	f((*int)(nil), "it is nil")
	f([]*int{nil}, "nil")
	f(map[string]struct{}{"a": {}}, "")
	f(map[string]any{"a": Tree{}}, "type not registered")
}

// keptLines has an encoding of its own, and fields that gob would not see.
type keptLines struct{ lines []string }

func (k *keptLines) Save(w io.Writer) error {
	if k.lines == nil {
		return errors.New("there are no lines")
	}
	_, err := io.WriteString(w, strings.Join(k.lines, "\n"))
	return err
}

func loadLines(r io.Reader) (*keptLines, error) {
	b, err := io.ReadAll(r)
	return &keptLines{strings.Split(string(b), "\n")}, err
}

func TestOutAndIn(t *testing.T) {
	dir := t.TempDir()
	numbers := []float64{1, math.NaN(), math.Inf(-1), math.Copysign(0, -1)}
	lines, none := &keptLines{[]string{"a", "b"}}, &keptLines{}
	frame := table.Frame{Columns: []table.Column{table.NumberColumn("age", []float64{36})}}
	Out("numbers", &numbers) // without a folder it keeps nothing
	t.Setenv(dirVariable, dir)
	large := make([]byte, mostBytes+1)
	Out("numbers", &numbers, "lines", &lines, "none", &none, "frame", &frame, "large", &large)

	b, err := os.ReadFile(filepath.Join(dir, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]keptValue{}
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	data := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, filePrefix+name))
		if err != nil || index[name].Size != len(b) || index[name].Reason != "" {
			t.Errorf("%s: %v, %d bytes, %+v", name, err, len(b), index[name])
		}
		return string(b)
	}
	for i, x := range In[[]float64]("numbers", data("numbers")) {
		if math.Float64bits(x) != math.Float64bits(numbers[i]) {
			t.Errorf("number %d is %v, want %v", i, x, numbers[i])
		}
	}
	if got := In[table.Frame]("frame", data("frame")); !reflect.DeepEqual(got, frame) {
		t.Errorf("the frame is %v, want %v", got, frame)
	}
	text := data("lines")
	if got := Later("lines", &text, loadLines)(); !reflect.DeepEqual(got, lines) || !index["lines"].Saved || index["lines"].Type.Expression != "keptLines" {
		t.Errorf("the lines are %v, %+v", got, index["lines"])
	}
	if got := index["none"].Reason; got != "there are no lines" {
		t.Errorf("what cannot be saved: %q", got)
	}
	if got := index["large"].Reason; !strings.Contains(got, "larger than 64 MiB") {
		t.Errorf("what is too large: %q", got)
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "*")); len(entries) != 4 {
		t.Errorf("the folder has %v", entries)
	}
}

func TestSize(t *testing.T) {
	f := func(value any, from, to int) {
		t.Helper()
		if got := size(reflect.ValueOf(value), mostBytes); got < from || got > to {
			t.Errorf("%T takes %d bytes, want %d to %d", value, got, from, to)
		}
	}
	f(1, 8, 8)
	f("four", 4, 20)
	f(make([]float64, 1000), 8000, 8024)
	f([2][]int16{make([]int16, 500), nil}, 1000, 1100)
	f(map[string][]byte{"a": make([]byte, 5000)}, 5000, 5100)
	f(&Tree{[]Tree{{}, {}}}, 48, 200)
	f([]any{make([]byte, 3000), nil}, 3000, 3200)
	large := make([][]byte, 1000)
	f(large, 24000, 60000)
	whole := make([]byte, 1<<20)
	for i := range large {
		large[i] = whole
	}
	f(large, mostBytes, mostBytes+4<<20) // it does not look at all of it
}

func BenchmarkEncode(b *testing.B) {
	numbers := make([]float64, 1<<20)
	for i := range numbers {
		numbers[i] = 1 / float64(i+3)
	}
	var buffer bytes.Buffer
	b.SetBytes(8 << 20)
	for b.Loop() {
		buffer.Reset()
		if err := Encode(&buffer, reflect.ValueOf(numbers)); err != nil {
			b.Fatal(err)
		}
	}
}
