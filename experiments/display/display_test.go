package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"os/exec"
	"strings"
	"testing"

	echarts "github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/assay-ml/assay/experiments/charts"
)

// showAll shows one of each.
func showAll() {
	fmt.Println("before")
	Table([]string{"split", "films"}, [][]string{{"<train>", "4708"}})
	Markdown("**bold**")
	HTML("<b>7</b>", "seven")
	if err := Images(2, Picture{Image: image.NewGray(image.Rect(0, 0, 3, 2)), Caption: "a film"}); err != nil {
		fmt.Println(err)
	}
	Figure(charts.Curves("loss", "Loss", []charts.Line{{Name: "loss", X: []float64{1, 2}, Y: []float64{3, 4}}}, charts.CurveOptions{}))
	bar := echarts.NewBar()
	bar.AddSeries("films", []opts.BarData{{Value: 5}})
	if err := Chart("Films", "five films", bar); err != nil {
		fmt.Println(err)
	}
	fmt.Println(Chart("Films", "no films", make(chan int)))
	p := NewProgress("reading", 4)
	p.Add(3)
	p.Add(1)
	p.Done()
	p.Done()
	fmt.Println("after")
}

// TestMain lets this program stand for a cell's.
func TestMain(m *testing.M) {
	if os.Getenv("DISPLAY_TEST_CELL") != "" {
		showAll()
		return
	}
	os.Exit(m.Run())
}

// cell runs showAll as a program of its own.
func cell(t *testing.T, env ...string) (stdout, stderr string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), "DISPLAY_TEST_CELL=1", "ASSAY_CELL=3"), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return out.String(), errs.String()
}

func TestInNotebook(t *testing.T) {
	stdout, _ := cell(t, "ASSAY_DISPLAY=stdout")
	parts := strings.Split(stdout, "\x1b_assay;")
	if parts[0] != "before\n" || !strings.HasSuffix(stdout, "\x1b\\after\n") {
		t.Errorf("text and frames come in the order %q", stdout)
	}
	var plain []string
	var rich strings.Builder
	for _, part := range parts[1:] {
		content, _, ended := strings.Cut(part, "\x1b\\")
		var f frame
		if err := json.Unmarshal([]byte(content), &f); err != nil || !ended {
			t.Fatalf("the frame %q: %v", part, err)
		}
		if _, ok := f.Data["text/plain"]; !ok {
			t.Errorf("a frame without plain text: %v", f.Data)
		}
		plain = append(plain, fmt.Sprintf("%s%t %s", f.Transient["display_id"], f.Update, f.Data["text/plain"]))
		rich.WriteString(f.Data["text/html"] + f.Data["text/markdown"])
	}
	all := strings.Join(plain, "|")
	for _, want := range []string{"false \nsplit    films\n<train>   4708\n", "false **bold**", "false seven\n", "[picture 3x2] a film", "five films", "assay-progress-3-1false reading: 0 of 4, 0 %", "assay-progress-3-1true reading: 4 of 4, in "} {
		if !strings.Contains(all, want) {
			t.Errorf("the plain text lacks %q:\n%s", want, all)
		}
	}
	for _, want := range []string{"&lt;train&gt;", "**bold**", "<b>7</b>", "data:image/png;base64,", "image-rendering:pixelated", "chart-3-1", `"value":5`, "width:100.0%"} {
		if !strings.Contains(rich.String(), want) {
			t.Errorf("the rich output lacks %q", want)
		}
	}
	if n := strings.Count(rich.String(), "__assay.unpack"); n > 1 {
		t.Errorf("the charts' script is there %d times", n)
	}
	if !strings.Contains(stdout, "chart \"Films\": json: unsupported type: chan int") {
		t.Errorf("an option that JSON cannot write: %s", stdout)
	}
}

func TestInTerminal(t *testing.T) {
	stdout, stderr := cell(t)
	want := "before\n\nsplit    films\n<train>   4708\n**bold**\nseven\n[picture 3x2] a film\n"
	if !strings.HasPrefix(stdout, want) || strings.Contains(stdout, "\x1b") {
		t.Errorf("it prints\n%q, want\n%q at the start and no escapes", stdout, want)
	}
	if !strings.HasPrefix(stderr, "reading: 4 of 4, in ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("the progress in a file: %q", stderr)
	}
}
