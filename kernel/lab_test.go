package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// lab is JupyterLab with this kernel, in a headless Chromium.
type lab struct {
	*testing.T
	ctx  context.Context
	home string // of the server
	dir  string // its notebooks
}

const labToken = "assay-test"

// startLab starts JupyterLab with nothing of the user's, or skips the test.
func startLab(t *testing.T) lab {
	t.Helper()
	python := jupyterPython(t)
	if exec.Command(python, "-c", "import jupyterlab").Run() != nil {
		t.Skip("JupyterLab is not there: make test installs what requirements-test.txt lists")
	}
	browser := chromium(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	l := lab{T: t, home: fmt.Sprintf("http://127.0.0.1:%d", port), dir: t.TempDir()}
	settings := t.TempDir()
	cmd := exec.Command(python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
		fmt.Sprintf("--ServerApp.port=%d", port), "--ServerApp.port_retries=0", "--ServerApp.root_dir="+l.dir,
		"--IdentityProvider.token="+labToken, "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=")
	cmd.Env = append(jupyterEnv(t), "JUPYTER_CONFIG_DIR="+settings, "JUPYTERLAB_SETTINGS_DIR="+settings, "JUPYTERLAB_WORKSPACES_DIR="+settings,
		"ASSAY_STORE="+filepath.Join(t.TempDir(), "assay.db"), "JUPYTER_PREFER_ENV_PATH=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(settings, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it ends its kernels
		time.AfterFunc(10*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		cmd.Wait()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("JupyterLab wrote: %s", lastPart(string(said), 3000))
		}
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.WindowSize(1400, 1600))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	l.ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	for range 600 {
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			conn.Close()
			return l
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("JupyterLab does not start")
	return l
}

// chromium returns a browser, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("ASSAY_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "../node_modules/.cache/chromium/start"} {
		if file, err := exec.LookPath(name); name != "" && err == nil {
			return file
		}
	}
	t.Skip("no Chromium: install one, name it with ASSAY_CHROMIUM, or run node experiments/web/testdata/chromium.mjs")
	return ""
}

// eval returns the value of a JavaScript expression.
func eval[T any](l lab, expression string) T {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		l.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true, and calls meanwhile, if it is not nil,
// between looks.
func (l lab) until(limit time.Duration, expression string, meanwhile func()) {
	l.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// An answer can get lost when the page changes under the question.
		ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		cancel()
		if ok && err == nil {
			return
		}
		if meanwhile != nil {
			meanwhile()
		}
	}
	if dir := os.Getenv("ASSAY_SCREENSHOTS"); dir != "" {
		if png, err := chromedp.Run(l.ctx, chromedp.FullScreenshot(100)); err == nil {
			os.WriteFile(filepath.Join(dir, l.Name()+".png"), png, 0o644)
		}
	}
	l.Fatalf("not within %s: %s; the notebook's outputs are %s", limit, expression, eval[string](l, `JSON.stringify(`+outputs+`.map(o => o.ename ? [o.ename, o.evalue] : o.text ?? o.output_type))`))
}

// JavaScript about the notebook that is open.
const (
	panel   = `[...(window.jupyterapp?.shell?.widgets("main") ?? [])].find(w => w.context)`
	model   = panel + `.content.model.sharedModel.toJSON()`
	code    = model + `.cells.filter(c => c.cell_type == "code" && [c.source].flat().join("").trim())`
	outputs = code + `.flatMap(c => c.outputs)`
	labIdle = panel + `.sessionContext.session?.kernel?.status == "idle"`
	// allRun is whether no cell waits and none runs.
	allRun   = code + `.every(c => c.execution_count) && ` + labIdle
	failures = outputs + `.filter(o => o.output_type == "error")`
	// allDrawn is whether all figures that a reader could see are charts.
	allDrawn = `document.querySelectorAll(".assay-figure canvas").length > 0 && [...document.querySelectorAll(".assay-figure:has(> script)")].every(f => f.dataset.drawn == "1")`
)

// open opens a notebook and waits for its kernel.
func (l lab) open(name string) {
	l.Helper()
	_, err := chromedp.Run(l.ctx, chromedp.Navigate(l.home+"/lab/tree/"+name+"?reset&token="+labToken))
	if err != nil {
		l.Fatal(err)
	}
	l.until(60*time.Second, panel+`?.context?.isReady && `+panel+`.context.path == "`+name+`" && `+labIdle, nil)
	eval[bool](l, `(jupyterapp.shell.activateById(`+panel+`.id), true)`) // commands are about the active one
}

// command executes a command of JupyterLab's.
func (l lab) command(name string) {
	l.Helper()
	eval[bool](l, `(jupyterapp.commands.execute("`+name+`"), true)`)
}

// save saves the notebook.
func (l lab) save() {
	l.Helper()
	eval[bool](l, `(`+panel+`.context.save(), true)`)
	l.until(10*time.Second, panel+`.context.model.dirty == false`, nil)
}

// quick are parameters with which our notebooks take seconds.
var quick = map[string]map[string]string{
	"imaging.ipynb":   {"epochs": "1"},
	"rerun.ipynb":     {"epochs": "1", "films": "80"},
	"text.ipynb":      {"epochs": "1", "transformerEpochs": "1"},
	"prognosis.ipynb": {"resamples": "20", "trees": "5", "patients": "300"},
	"treatment.ipynb": {"resamples": "20", "trees": "20", "patients": "300"},
}

// labTime is when no more of our notebooks are opened: on two processors that have
// nothing else to do, there is time for all.
const labTime = 80 * time.Second

// Our notebooks run in JupyterLab from top to bottom; their charts are drawn, and
// drawn again when the saved file is opened.
func TestNotebooksInLab(t *testing.T) {
	l := startLab(t)
	names, err := filepath.Glob("../notebooks/*.ipynb")
	if err != nil || len(names) == 0 {
		t.Fatalf("notebooks: %v, %v", names, err)
	}
	started := time.Now()
	for _, file := range names {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			l.T = t
			if time.Since(started) > labTime {
				t.Skipf("the notebooks before took more than %s on this machine", labTime)
			}
			nb, err := ReadNotebook(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := nb.SetParameters(quick[name]); err != nil {
				t.Fatal(err)
			}
			if err := nb.Write(filepath.Join(l.dir, name)); err != nil {
				t.Fatal(err)
			}
			l.open(name)
			l.command("notebook:run-all-cells")
			l.until(5*time.Minute, allRun+` || `+failures+`.length > 0`, nil)
			if failed := eval[string](l, `JSON.stringify(`+failures+`)`); failed != "[]" {
				t.Fatalf("cells failed: %s", failed)
			}
			charts := eval[int](l, `document.querySelectorAll(".assay-figure").length`)
			if charts > 0 {
				l.until(20*time.Second, allDrawn, nil)
			}
			l.save()
			eval[bool](l, `(`+panel+`.sessionContext.shutdown(), true)`)
			l.until(10*time.Second, panel+`.sessionContext.hasNoKernel || !`+panel+`.sessionContext.session`, nil)

			l.open(name)
			l.until(20*time.Second, fmt.Sprintf(`document.querySelectorAll(".assay-figure").length == %d`, charts), nil)
			if charts > 0 {
				l.until(20*time.Second, allDrawn, nil)
			}
			written, err := ReadNotebook(filepath.Join(l.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(written.Cells, func(c *Cell) bool { return c.Type == "code" && c.Source != "" && c.ExecutionCount == 0 }) {
				t.Error("the saved notebook has cells that were not executed")
			}
			validate(t, filepath.Join(l.dir, name))
			eval[bool](l, `(`+panel+`.sessionContext.shutdown(), true)`)
		})
	}
}

// A training is watched, interrupted and, after a restart, run again.
func TestTrainingInLab(t *testing.T) {
	l := startLab(t)
	nb := testNotebook(
		"import (\n\t\"context\"\n\n\t\"github.com/assay-ml/assay/experiments\"\n)",
		`err := experiments.Track(context.Background(), "lab", func(run *experiments.Run) error {
	run.Plan(1000)
	for step := range int64(1000) {
		if err := run.Step(step+1, []string{"loss"}, []float64{1 / float64(step+1)}); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
})
fmt.Println("error:", err)`,
		"fmt.Println(\"after the training\")")
	nb.Metadata["kernelspec"] = json.RawMessage(`{"display_name": "Go (assay)", "language": "go", "name": "assay"}`)
	if err := nb.Write(filepath.Join(l.dir, "training.ipynb")); err != nil {
		t.Fatal(err)
	}
	l.open("training.ipynb")
	l.command("notebook:run-all-cells")

	// The card moves, and its chart is drawn, while the cell runs.
	const progress = `[...document.querySelectorAll(".assay-run [role=progressbar]")].map(b => +b.ariaValueNow)[0] ?? -1`
	seen := map[float64]bool{}
	look := func() { seen[eval[float64](l, progress)] = true }
	l.until(time.Minute, `(`+progress+`) >= 12 && document.querySelectorAll(".assay-figure canvas").length == 1`, look)
	if len(seen) < 3 {
		t.Errorf("the card showed the progress %v, want it to move", seen)
	}
	started := time.Now()
	l.command("notebook:interrupt-kernel")
	l.until(busy*5*time.Second, failures+`.length == 1 && `+labIdle, nil)
	if took := time.Since(started); took > busy*time.Second {
		t.Errorf("it took %s to stop the training", took)
	}
	if got := eval[string](l, failures+`[0].ename`); got != string(Interrupted) {
		t.Errorf("the training ended with %s, want Interrupted", got)
	}
	if got := eval[string](l, `document.querySelector(".assay-run .status").textContent`); got != "interrupted" {
		t.Errorf("the card says that the run is %s, want interrupted", got)
	}
	if eval[bool](l, outputs+`.some(o => [o.text].flat().join("").includes("after the training"))`) {
		t.Error("the cell after the training was executed")
	}

	eval[bool](l, `(`+panel+`.sessionContext.restartKernel(), true)`)
	l.until(20*time.Second, panel+`.sessionContext.session.kernel.connectionStatus == "connected" && `+labIdle, nil)
	eval[bool](l, `(`+panel+`.content.activeCellIndex = 2, true)`)
	l.command("notebook:run-cell")
	l.until(20*time.Second, outputs+`.some(o => [o.text].flat().join("").includes("after the training"))`, nil)
	if got := eval[int](l, code+`[2].execution_count`); got != 1 {
		t.Errorf("after a restart the first cell is number %d, want 1", got)
	}
	l.save()
	written, err := os.ReadFile(filepath.Join(l.dir, "training.ipynb"))
	if err != nil || !strings.Contains(string(written), "assay-run") {
		t.Errorf("the saved notebook has no card: %v", err)
	}
}
