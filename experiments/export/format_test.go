package export

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeTable writes rows, a few at a time, and returns the file.
func writeTable[T any](t testing.TB, format Format, rows []T) string {
	t.Helper()
	table, err := createTable[T](t.TempDir(), "table", format)
	if err != nil {
		t.Fatal(err)
	}
	for len(rows) > 0 {
		n := min(len(rows), 3)
		if err := table.write(rows[:n]...); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := table.close(); err != nil {
		t.Fatal(err)
	}
	return table.file.Name()
}

func readTable[T any](format Format, name string) ([]T, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table, err := openTable[T](format, file)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	var all []T
	for {
		rows := make([]T, 2)
		n, err := table.Read(rows)
		all = append(all, rows[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// FuzzPoints writes any point in every format and reads it back, bit for bit.
func FuzzPoints(f *testing.F) {
	f.Add("run", "loss", int64(1), int64(1_700_000_000_000_000), math.Float64bits(0.5))
	f.Add("", "a,\"b\"\r\n", int64(math.MinInt64), int64(math.MaxInt64), uint64(1)<<63)
	f.Add(" ", "\xff", int64(math.MaxInt64), int64(math.MinInt64), uint64(0xfff8000000000001))
	f.Add("\r", "\"", int64(-1), int64(0), uint64(0x7ff0000000000001))
	f.Fuzz(func(t *testing.T, run, metric string, step, time int64, bits uint64) {
		value := math.Float64frombits(bits)
		row := pointRow{run, text(metric), step, time, number(value), nanBits(value)}
		other := pointRow{"run", "loss", -step, ^time, 1, ""}
		want := []pointRow{row, other, row, row, other}
		for _, format := range Formats {
			if format == JSONL {
				want = []pointRow{row, row} // run and bits are ASCII: JSON has no other way to keep them
				want[0].Run, want[1].Run = "run", "run"
			}
			got, err := readTable[pointRow](format, writeTable(t, format, want))
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if len(got) != len(want) {
				t.Fatalf("%s: %d rows, want %d", format, len(got), len(want))
			}
			for i := range got {
				g, err := got[i].point()
				if err != nil {
					t.Fatalf("%s: %v", format, err)
				}
				w, err := want[i].point()
				if err != nil {
					t.Fatal(err)
				}
				if got[i].Run != want[i].Run || got[i].Metric != want[i].Metric || g.Step != w.Step || !g.Time.Equal(w.Time) ||
					math.Float64bits(g.Value) != math.Float64bits(w.Value) {
					t.Errorf("%s: row %d: got %+v, want %+v", format, i, got[i], want[i])
				}
			}
		}
	})
}

func TestCSVOfOthers(t *testing.T) {
	f := func(content string, want ...tagRow) {
		t.Helper()
		name := filepath.Join(t.TempDir(), "tags.csv")
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := readTable[tagRow](CSV, name)
		if err != nil {
			t.Errorf("%q: %v", content, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d rows, want %d", content, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q: row %d is %q, want %q", content, i, got[i], want[i])
			}
		}
	}
	f("run,name,value\na,b,c\n", tagRow{"a", "b", "c"})
	f("run,name,value\r\na,b,c\r\nd,,\"\"\r\n", tagRow{"a", "b", "c"}, tagRow{"d", "", ""}) // as spreadsheets save it
	f("\ufeffrun,name,value\na,b,c", tagRow{"a", "b", "c"})                                 // no line end at the end
	f("value,more,run,name\nc,,a,b\n", tagRow{"a", "b", "c"})                               // other columns, another order
	f("run,name,value\na,b,\"x\r\ny\"\"z\"\r\n", tagRow{"a", "b", "x\r\ny\"z"})
	f("run,name,value\n")
}

func TestMistakesInTables(t *testing.T) {
	f := func(format Format, content, want string) {
		t.Helper()
		name := filepath.Join(t.TempDir(), "points")
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readTable[pointRow](format, name)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s %q: error %v, want %q", format, content, err, want)
		}
	}
	const head = "run,metric,step,time,value,bits\n"
	f(CSV, "", "it has no column run")
	f(CSV, "run,metric,step,time,value\n", "it has no column bits")
	f(CSV, head+"a,loss,1.5,0,1,\n", `line 2: step: "1.5" is not an int64`)
	f(CSV, head+"a,loss,1,0,1,\na,loss,1,0,one,\n", `line 3: value: "one" is not a number`)
	f(CSV, head+"a,loss\n", "line 2 has 2 cells and none for step")
	f(CSV, head+"a,\"loss\n", "line 3 ends inside quotes")
	f(JSONL, `{"step":1}`+"\n"+`{"step":`, "line 2: unexpected end of JSON input")
	f(JSONL, `{"value":"one"}`, `line 1: "one" is not a number`)
	f(Parquet, "PAR1", "it is not a whole Parquet file")
}
