package kernel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this program stand for assay: a kernelspec that names it starts
// a kernel.
func TestMain(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == "kernel" && os.Args[2] == "run" {
		w, err := findWorkspace()
		if err == nil {
			err = Run(context.Background(), os.Args[4], w)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// findWorkspace returns the workspace of this source tree.
func findWorkspace() (Workspace, error) {
	root := os.Getenv("ASSAY_TEST_ROOT")
	if root == "" {
		root = ".."
	}
	root, err := filepath.Abs(root)
	return Workspace{SourceRoot: root, BinDir: filepath.Join(root, "bin")}, err
}

var build sync.Once

// testWorkspace returns the workspace of this source tree, and builds gonb,
// goimports and gopls into its bin folder if they are not there.
func testWorkspace(t *testing.T) Workspace {
	t.Helper()
	w, err := findWorkspace()
	if err != nil {
		t.Fatal(err)
	}
	build.Do(func() {
		if w.Check() == nil {
			return
		}
		for _, args := range [][]string{
			{"build", "-o", "bin/", "github.com/janpfeifer/gonb"},
			{"build", "-modfile=tools.mod", "-o", "bin/", "golang.org/x/tools/cmd/goimports", "golang.org/x/tools/gopls"},
		} {
			cmd := exec.Command("go", args...)
			cmd.Dir = w.SourceRoot
			cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		}
	})
	return w
}

func testSession(t *testing.T) *Session {
	t.Helper()
	s, err := Start(context.Background(), testWorkspace(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// outcome is what executing a cell led to.
type outcome struct {
	stdout, stderr string
	outputs        []Output
	err            *CellError
}

func execute(t *testing.T, s *Session, source string) outcome {
	t.Helper()
	return executeContext(t, context.Background(), s, source)
}

func executeContext(t *testing.T, ctx context.Context, s *Session, source string) outcome {
	t.Helper()
	var got outcome
	err := s.Execute(ctx, Code{Source: source, CellID: "id-" + strconv.Itoa(s.Count()+1)}, func(o Output) {
		got.outputs = append(got.outputs, o)
		switch o.Name {
		case "stdout":
			got.stdout += o.Text
		case "stderr":
			got.stderr += o.Text
		}
	})
	if err != nil && !errors.As(err, &got.err) {
		t.Fatalf("Execute(%q) = %v, want a *CellError", source, err)
	}
	return got
}

func TestCellsThatWork(t *testing.T) {
	s := testSession(t)
	f := func(source, want string) {
		t.Helper()
		if got := execute(t, s, source); got.err != nil || got.stdout != want {
			t.Errorf("%q printed %q, %v, want %q", source, got.stdout, got.err, want)
		}
	}
	f("%%\nfmt.Println(1)", "1\n")
	f("fmt.Println(2)", "2\n") // plain statements need no %%
	f("import \"strings\"\nfunc twice(s string) string { return strings.Repeat(s, 2) }", "")
	if got := execute(t, s, "x := twice(\"é\")\nx + \"!\""); got.err != nil || len(got.outputs) != 1 || got.outputs[0].Type != "execute_result" || string(got.outputs[0].Data["text/plain"]) != `"éé!"` || got.outputs[0].ExecutionCount != 4 {
		t.Errorf("the value of a last expression: %+v, %v", got.outputs, got.err)
	}
	f("const size = 3\n\nfunc area() int { return size * size }\nfmt.Println(area())", "9\n")
	f("var size = 4\nfmt.Println(size)", "4\n")
	f("type row struct{ n int }\n\nfmt.Println(row{5})", "{5}\n")
	f("func sum(rows []row) int { return len(rows) }\nfmt.Println(sum(make([]row, 6)))", "6\n") // types are for later cells
	f("import (\n\t_ \"image/png\"\n\t_ \"image/jpeg\"\n\t_ \"image/gif\"\n)", "")
	f("%%\n_, kind, err := image.DecodeConfig(strings.NewReader(\"GIF89a\\x01\\x00\\x01\\x00\\x00\\x00\\x00\"))\nfmt.Println(kind, err)", "gif <nil>\n")
	f("%  \n!echo shell", "shell\n")
	f("packages := 3\npackager := func() int { return packages }\nfmt.Println(packager())", "3\n") // which gonb would drop
	f("n, err := fmt.Scanln(new(int))\nfmt.Println(n, err)", "0 EOF\n")                            // nobody can enter anything
	written := filepath.Join(t.TempDir(), "written.go")
	f("%%writefile "+written+"\nimport _ \"embed\"\nx := 1", "")
	if got, err := os.ReadFile(written); err != nil || string(got) != "import _ \"embed\"\nx := 1\n" {
		t.Errorf("%%%%writefile wrote %q, %v", got, err)
	}
	f("echo := 4", "")
	f("%%bash\necho", "\n") // it parses as Go, and has the name of a value
	if got := execute(t, s, "strings.Repeat(\"1\", 100_000)[0:]"); got.err != nil || len(got.outputs) != 1 || len(got.outputs[0].Data["text/plain"]) > maxValue+100 || !strings.Contains(string(got.outputs[0].Data["text/plain"]), "1… and 79520 more bytes") {
		t.Errorf("a long value: %v, %d outputs", got.err, len(got.outputs))
	}
	file := filepath.Join(t.TempDir(), "captured")
	f("%capture "+file+"\n%%\nfmt.Println(\"kept\")", "kept\n")
	if got, err := os.ReadFile(file); err != nil || string(got) != "kept\n" {
		t.Errorf("%%capture wrote %q, %v", got, err)
	}
	f("import \"github.com/assay-ml/assay/home\"\n%%\nos.Setenv(\"ASSAY_HOME\", \"/h\")\nfmt.Println(home.Dir())", "/h <nil>\n")
}

func TestCellKnowsWhereItIs(t *testing.T) {
	w := testWorkspace(t)
	w.Notebook = "/notes/köpfe 1.ipynb"
	w.Env = []string{"ASSAY_STORE=/tmp/it's.db"}
	w.Dir = t.TempDir()
	s, err := Start(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	source := `for _, name := range []string{"ASSAY_NOTEBOOK", "ASSAY_CELL_ID", "ASSAY_CELL", "ASSAY_STORE", "TMPDIR"} {
	fmt.Println(os.Getenv(name))
}
b, err := os.ReadFile(os.Getenv("ASSAY_CELL_SOURCE"))
fmt.Println(strings.Contains(string(b), "fmt.Println(dir)"), err)
b, err = os.ReadFile(os.Getenv("ASSAY_PROGRAM"))
fmt.Println(strings.Contains(string(b), "func main()"), err)
dir, _ := os.Getwd()
fmt.Println(dir)`
	got := execute(t, s, source)
	want := fmt.Sprintf("%s\nid-1\n1\n/tmp/it's.db\n%s\ntrue <nil>\ntrue <nil>\n%s\n", w.Notebook, os.TempDir(), w.Dir)
	if got.err != nil || got.stdout != want {
		t.Errorf("got %q, %v, want %q", got.stdout, got.err, want)
	}
}

func TestCellsThatFail(t *testing.T) {
	s := testSession(t)
	execute(t, s, "func pick(x []int) int {\n\n\treturn x[3]\n}")
	f := func(source string, want Failure, line int, message string) {
		t.Helper()
		got := execute(t, s, source)
		if got.err == nil {
			t.Errorf("%q did not fail, want %s", source, want)
			return
		}
		if got.err.Failure != want || got.err.At.Line != line || !strings.Contains(got.err.Message, message) || got.err.Cell != s.Count() {
			t.Errorf("%q: %v (line %d), want %s in line %d with %q", source, got.err, got.err.At.Line, want, line, message)
		}
		last := got.outputs[len(got.outputs)-1]
		if last.Type != "error" || last.EName != string(want) || len(last.Traceback) == 0 {
			t.Errorf("%q: the last output is %+v, want the error", source, last)
		}
		if text := strings.Join(last.Traceback, "\n") + got.stderr; strings.Contains(text, "assay-kernel-") || strings.Contains(text, "goroutine 1") {
			t.Errorf("%q: the traceback or stderr names a temporary folder:\n%s", source, text)
		}
	}
	f("fmt.Println(1)\npanic(\"boom\")", Panic, 2, "boom")
	f("%%\nfmt.Println(pick(nil))", Panic, 3, "index out of range") // in cell 1
	f("var m map[string]int\nfunc set() {\n\tm[\"a\"] = 1\n}\n%%\nset()", Panic, 3, "nil map")
	f("fmt.Fprint(os.Stderr, \"one\\ntwo\\n\")\nos.Exit(3)", ExitError, 0, "exit status 3: two")
	f("log.Fatal(\"no luck\")", ExitError, 0, "no luck")
	f("syscall.Kill(os.Getpid(), syscall.SIGKILL)\ntime.Sleep(time.Hour)", Killed, 0, "killed")
	f("if true {\n\tx := 1\n}\nfmt.Println(missing)", CompileError, 2, "declared and not used: x")
	f("import (\n\t_ \"no/such/package\"\n)", CompileError, 2, "no/such/package")
	f("%%\npack.Do()", CompileError, 2, "undefined: pack")
	f("func broken( {\n}", CompileError, 1, "expected")
	f("a := 1\nfmt.Println(a\n", CompileError, 2, "")
	f("var n int = \"text\"", CompileError, 1, "cannot use")
	f("m := make([]byte, 1<<48)\nfmt.Println(len(m))", OutOfMemory, 1, "out of memory")
	f("func deep(n int) int {\n\treturn deep(n+1) + 1\n}\n%%\ndebug.SetMaxStack(1 << 20)\nfmt.Println(deep(0))", Panic, 1, "stack overflow")
	f("%cd /no/such/folder", CommandError, 0, "no such")
	f("fmt.Println(1)\n%nosuch now", CommandError, 2, "there is no command %nosuch")
	f("fmt.Println(1)\n%assay runs", CommandError, 2, "a cell of their own")
	f("a := []int{1}\ni := 7\n\na[i] // of one", Panic, 4, "index out of range")
	f("x := 1\nmissing + x", CompileError, 2, "undefined: missing")
	f("fmt.Fprintln(os.Stderr, \"panic: of another program\")\nos.Exit(3)", ExitError, 0, "exit status 3: panic: of another program")
	f("fmt.Fprintln(os.Stderr, \"F0000 check failed\")\nsyscall.Kill(os.Getpid(), syscall.SIGABRT)\ntime.Sleep(time.Second)", Panic, 2, "SIGABRT: abort: F0000 check failed")
	f("func() {\n\tdefer func() { panic(recover()) }()\n\tpanic(\"boom\")\n}()", Panic, 2, "boom")
	f("fmt.Println(1)\n!echo out; exit 7", CommandError, 2, "!echo out; exit 7: exit status 7")
	f("!false\n!true", CommandError, 0, "a command of the shell failed: exit status 1")
	f(`if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 2 << 30, Max: 2 << 30}); err != nil {
	panic(err)
}
var kept [][]byte
for {
	kept = append(kept, make([]byte, 64<<20))
}`, OutOfMemory, 6, "out of memory")

	if got := execute(t, s, "%%\nfmt.Println(\"still there\")"); got.err != nil || got.stdout != "still there\n" {
		t.Errorf("after failures a cell printed %q, %v", got.stdout, got.err)
	}
}

// A program that the system kills for want of memory is told from one that a user
// kills, by the counters of the machine and the container.
func TestKilledForWantOfMemory(t *testing.T) {
	cells := []executed{{count: 4, lines: []string{"x"}}}
	if e := (failure{cells: cells, value: "signal: killed", oom: true}).error(); e.Failure != OutOfMemory {
		t.Errorf("killed for want of memory is %v", e)
	}
	if e := (failure{cells: cells, value: "signal: killed"}).error(); e.Failure != Killed {
		t.Errorf("killed is %v", e)
	}
	counter := filepath.Join(t.TempDir(), "memory.events")
	defer func(files []string) { oomCounters = files }(oomCounters)
	oomCounters = []string{counter, counter + ".none"}
	for _, n := range []int{0, 3} {
		if err := os.WriteFile(counter, fmt.Appendf(nil, "low 0\noom 7\noom_kill %d\noom_group_kill 9\n", n), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := oomKills(); got != n {
			t.Errorf("%d processes were killed, want %d", got, n)
		}
	}
}

func TestOutputIsWholeAndInOrder(t *testing.T) {
	s := testSession(t)
	got := execute(t, s, `line := strings.Repeat("größe€𝄞", 1000)
for range 50 {
	fmt.Println(line)
}`)
	want := strings.Repeat(strings.Repeat("größe€𝄞", 1000)+"\n", 50)
	if got.err != nil || got.stdout != want {
		t.Errorf("printed %d bytes, %v, want %d bytes unchanged", len(got.stdout), got.err, len(want))
	}

	got = execute(t, s, `for i := range 3 {
	fmt.Println("before", i)
	fmt.Printf("\x1b_assay;{\"data\":{\"text/html\":\"<b>%d</b>\"},\"metadata\":{},\"transient\":{\"display_id\":\"bar\"},\"update\":%t}\x1b\\", i, i > 0)
}
fmt.Print("after\x1b[0m")`)
	var order []string
	for _, o := range got.outputs {
		switch o.Type {
		case "stream":
			order = append(order, o.Text)
		default:
			order = append(order, o.Type+" "+o.DisplayID+" "+string(o.Data["text/html"]))
		}
	}
	if got, want := strings.Join(order, "|"), "before 0\n|display_data bar \"<b>0</b>\"|before 1\n|update_display_data bar \"<b>1</b>\"|before 2\n|update_display_data bar \"<b>2</b>\"|after\x1b[0m"; got != want {
		t.Errorf("output came as\n%q, want\n%q", got, want)
	}

	got = execute(t, s, `import "github.com/janpfeifer/gonb/gonbui"
%%
fmt.Println("a")
gonbui.DisplayHTML("<i>x</i>")
gonbui.UpdateHTML("one", "1")
gonbui.UpdateHTML("one", "2")
gonbui.Sync()`)
	var types []string
	for _, o := range got.outputs {
		types = append(types, o.Type)
	}
	if got, want := strings.Join(types, " "), "stream display_data display_data update_display_data"; got != want {
		t.Errorf("gonbui's output came as %s, want %s", got, want)
	}
	if got := execute(t, s, "%%\nfmt.Fprintln(os.Stderr, \"panic: not really\")"); got.err != nil || got.stderr != "panic: not really\n" {
		t.Errorf("stderr is %q, %v", got.stderr, got.err)
	}
}

func TestHistory(t *testing.T) {
	s := testSession(t)
	execute(t, s, "time.Sleep(300 * time.Millisecond)")
	execute(t, s, "os.Exit(1)")
	got := execute(t, s, "b, _ := os.ReadFile(os.Getenv(\"ASSAY_HISTORY\"))\nfmt.Print(string(b))")
	if strings.Count(got.stdout, "\n") != 2 || !strings.Contains(got.stdout, `"id":"id-2"`) {
		t.Errorf("the third cell sees the history %s", got.stdout)
	}
	all, err := s.History()
	if err != nil || len(all) != 3 {
		t.Fatalf("history: %v, %v", all, err)
	}
	if p := all[0]; p.Status != "ok" || p.Run < 300*time.Millisecond || p.Build <= 0 || p.Compose <= 0 || p.Source != fmt.Sprintf("%x", sha256.Sum256([]byte("time.Sleep(300 * time.Millisecond)"))) {
		t.Errorf("the first cell: %+v", p)
	}
	if p := all[1]; p.Status != string(ExitError) || p.Cell != 2 {
		t.Errorf("the second cell: %+v", p)
	}
	if got := execute(t, s, "%assay time"); got.err != nil || !strings.Contains(got.stdout, "[2]  ExitError") {
		t.Errorf("%%assay time: %q, %v", got.stdout, got.err)
	}
}

// busy is how much slower than a quiet machine one may be that runs tests: an
// interrupt takes 0.5 s at most on a quiet one.
const busy = 3

func TestInterrupt(t *testing.T) {
	s := testSession(t)
	stop := func(source, until string) outcome {
		t.Helper()
		var got outcome
		var stopped time.Time
		hurry := time.AfterFunc(10*time.Second, s.Interrupt)
		defer hurry.Stop()
		err := s.Execute(context.Background(), Code{Source: source}, func(o Output) {
			got.stdout += o.Text
			if o.Name == "stdout" && strings.Contains(o.Text, until) {
				stopped = time.Now()
				s.Interrupt()
			}
		})
		if !errors.As(err, &got.err) || got.err.Failure != Interrupted {
			t.Errorf("%q: %v, want it interrupted", source, err)
		}
		if took := time.Since(stopped); took > busy*time.Second {
			t.Errorf("%q: it took %s to stop", source, took)
		}
		return got
	}
	stop("fmt.Println(\"go\")\ntime.Sleep(time.Hour)", "go")
	stop("signal.Ignore(os.Interrupt)\nfmt.Println(\"go\")\nfor {\n}", "go")
	stop("!echo go; sleep 100", "go")
	got := stop("c := exec.Command(\"sleep\", \"4321\")\nc.Start()\nfmt.Println(\"go\")\nc.Wait()", "go")
	if out, _ := exec.Command("pgrep", "-f", "^sleep 4321$").Output(); len(out) > 0 {
		t.Errorf("a child of the cell is left: %s", out)
	}
	got = stop("ch := make(chan os.Signal, 1)\nsignal.Notify(ch, os.Interrupt)\nfmt.Println(\"go\")\n<-ch\nfmt.Println(\"tidy\")\nos.Exit(1)", "go")
	if !strings.HasSuffix(got.stdout, "tidy\n") {
		t.Errorf("a cell that handles the signal printed %q", got.stdout)
	}

	// One that records a run ends it as interrupted.
	got = stop(`import (
	"context"

	"github.com/assay-ml/assay/experiments"
)
%%
os.Setenv("ASSAY_STORE", "`+filepath.Join(t.TempDir(), "assay.db")+`")
fmt.Println(experiments.Track(context.Background(), "stopped", func(run *experiments.Run) error {
	fmt.Println("go")
	<-run.Context().Done()
	return context.Cause(run.Context())
}))`, "go")
	if !strings.HasSuffix(got.stdout, "interrupted\n") {
		t.Errorf("a cell that records a run printed %q", got.stdout)
	}

	// What looks like the runtime's last words is shown all the same.
	got = stop("fmt.Fprintln(os.Stderr, \"panic: not mine\")\nfmt.Println(\"go\")\ntime.Sleep(time.Hour)", "go")
	if !strings.Contains(got.stdout, "panic: not mine") { // stop joins both streams
		t.Errorf("a cell that was stopped wrote %q", got.stdout)
	}

	// While it compiles, which takes longer than the context lasts.
	var b strings.Builder
	b.WriteString("var table = map[string][]float64{\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "\"%d\": {%d, %d, f(%d)},\n", i, i, i, i)
	}
	b.WriteString("}\nfunc f(i int) float64 { return float64(i) }\n")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	start := time.Now()
	if got := executeContext(t, ctx, s, b.String()); got.err == nil || got.err.Failure != Interrupted {
		t.Errorf("compiling ended with %v, want it interrupted", got.err)
	}
	if took := time.Since(start) - 2*time.Second; took > busy*time.Second {
		t.Errorf("it took %s to stop compiling", took)
	}
	if got := execute(t, s, "%%\nfmt.Println(\"on\")"); got.err != nil || got.stdout != "on\n" {
		t.Errorf("after interrupts a cell printed %q, %v", got.stdout, got.err)
	}
}

func TestGonbDies(t *testing.T) {
	s := testSession(t)
	execute(t, s, "const kept = 1")
	pid := s.gonb.Load().group.leader.Process.Pid
	time.AfterFunc(500*time.Millisecond, func() { syscall.Kill(pid, syscall.SIGKILL) })
	if got := execute(t, s, "%%\ntime.Sleep(time.Hour)"); got.err == nil || got.err.Failure != KernelDied {
		t.Errorf("gonb was killed: %v", got.err)
	}
	if got := execute(t, s, "%%\nfmt.Println(2)"); got.err != nil || got.stdout != "2\n" || !strings.Contains(got.stderr, "started again") {
		t.Errorf("the next cell: %q, %q, %v", got.stdout, got.stderr, got.err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(context.Background(), testWorkspace(t))
	if err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	var once sync.Once
	go s.Execute(context.Background(), Code{Source: "%%\nexec.Command(\"sleep\", \"9876\").Start()\nfmt.Println(1)\ntime.Sleep(time.Hour)"}, func(Output) { once.Do(func() { close(running) }) })
	<-running
	pids := append(s.gonb.Load().group.members(), s.gonb.Load().group.leader.Process.Pid)
	if len(pids) < 3 {
		t.Fatalf("processes %v, want gonb, the cell and its child", pids)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, pids, s.dir)
}

// A kernel that is killed cannot clean up; its reaper does.
func TestKilledKernelLeavesNothing(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := testWorkspace(t)
	conn := testConnection(t)
	cmd := exec.Command(exe, "kernel", "run", "--connection-file", conn.file)
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "ASSAY_TEST_ROOT="+w.SourceRoot, "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := conn.client(t)
	defer c.close()
	c.send(t, c.shell, "execute_request", map[string]any{"code": "%%\nfmt.Println(1)\ntime.Sleep(time.Hour)"})
	c.await(t, func(m *message) bool { return m.header.Type == "stream" })
	dirs, _ := filepath.Glob(filepath.Join(tmp, "assay-kernel-*"))
	if len(dirs) != 1 {
		t.Fatalf("folders %v, want one", dirs)
	}
	var pids []int
	for pid := range processGroups() {
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if strings.Contains(string(env), "ASSAY_KERNEL="+dirs[0]) {
			pids = append(pids, pid)
		}
	}
	if len(pids) < 2 {
		t.Skip("this system does not tell the environment of processes")
	}
	cmd.Process.Kill()
	cmd.Wait()
	checkGone(t, pids, dirs[0])
}

func checkGone(t *testing.T, pids []int, dir string) {
	t.Helper()
	var left []int
	for range 300 {
		left = left[:0]
		groups := processGroups()
		for _, pid := range pids {
			if _, ok := groups[pid]; ok {
				left = append(left, pid)
			}
		}
		if _, err := os.Stat(dir); os.IsNotExist(err) && len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err := os.Stat(dir)
	t.Errorf("processes %v are left, folder %s: %v", left, dir, err)
}
