package rerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/assay-ml/assay/experiments"
	"github.com/assay-ml/assay/home"
	"github.com/assay-ml/assay/kernel"
	"github.com/assay-ml/assay/store"
)

// Options are how a run is run again. The zero value repeats it as it was.
type Options struct {
	Tolerance experiments.Tolerance
	// Bitwise pins what makes a computation depend on the machine's load: see Pins.
	Bitwise bool
	// Resume goes on with a run that was cut off, as the same run, from its last
	// checkpoint. Without one its program starts anew. It cannot vary anything.
	Resume bool
	// OtherMachine runs a run of another system or processor architecture, whose
	// arithmetic rounds otherwise; it is refused without.
	OtherMachine bool
	// Out is told what happens, and gets what the program writes; nil is nobody.
	// Both come as they happen, in pieces of any size, never two at once.
	Out io.Writer

	// What follows makes a variation.
	Params map[string]string // other values for declared parameters, or flags
	Data   map[string]string // other files or folders, by the name of the data set
	// Code runs today's code with the params that the run had: the cell and those
	// before it as the notebook now has them, and the packages that it imports from
	// modules that were folders.
	Code bool
	// Workspace is where Code makes programs of cells.
	Workspace kernel.Workspace
}

func (o Options) variation() string {
	var what []string
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		what = append(what, name+"="+o.Params[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Data)) {
		what = append(what, "data "+name+"="+o.Data[name])
	}
	if o.Code {
		what = append(what, "today's code")
	}
	return strings.Join(what, " ")
}

// IsVariation reports whether o changes anything of the run.
func (o Options) IsVariation() bool { return o.variation() != "" }

// VariationTag is the tag that says what a variation changed.
const VariationTag = "variation"

// Result is what came of it.
type Result struct {
	Original   store.RunID
	Rerun      store.RunID // the new run; the original, if it was resumed
	Comparison experiments.Comparison
	Resumed    store.Run // as it is now, if it was resumed
}

// Error says why a run could not be run again: a sentence for each thing that is
// missing. Nothing was recorded, unless the program ran and failed.
type Error struct {
	Run   store.RunID
	Cause error
}

func (e *Error) Error() string { return fmt.Sprintf("run %s could not run again: %v", e.Run, e.Cause) }
func (e *Error) Unwrap() error { return e.Cause }

// Run runs a run again. Its error is an *Error if it could not.
func Run(ctx context.Context, s *store.Store, id store.RunID, o Options) (Result, error) {
	outcome := together(ctx, s, []store.RunID{id}, o)[0]
	return outcome.Result, outcome.Err
}

// together runs runs of one program again, by running it once.
func together(ctx context.Context, s *store.Store, ids []store.RunID, o Options) []Outcome {
	ids = slices.Sorted(slices.Values(ids)) // as they started; the last needs what all before it read
	again := &again{s: s, o: o, out: o.Out, known: map[store.RunID]bool{}}
	for _, id := range ids {
		if run, err := s.Run(ctx, id); err == nil { // else what follows says so
			again.remember(run)
		}
	}
	switch o.Out.(type) {
	case nil:
		again.out = io.Discard
	case *os.File: // the program may see that it is a terminal
	default:
		again.out = &oneAtATime{w: o.Out}
	}
	outcomes := make([]Outcome, len(ids))
	last := len(ids) - 1
	var err error
	for i := last; i >= 0; i-- {
		outcomes[i].Original = ids[i]
		switch {
		case i == last:
			err = again.do(ctx, ids[i], &outcomes[i].Result)
		case again.ran != nil:
			if again.run, err = s.Run(ctx, ids[i]); err == nil {
				err = again.conclude(ctx, &outcomes[i].Result)
			}
		}
		if err != nil {
			outcomes[i].Err = &Error{ids[i], err}
		}
	}
	return outcomes
}

// Here is Run for a run of the store that this program records to, named by its
// id or the start of one: what a cell calls.
func Here(ctx context.Context, id string, o Options) (Result, error) {
	file, err := home.Store()
	if err != nil {
		return Result{}, err
	}
	s, err := store.Open(file)
	if err != nil {
		return Result{}, err
	}
	full, err := s.Resolve(ctx, id)
	if err != nil {
		return Result{}, errors.Join(err, s.Close())
	}
	result, err := Run(ctx, s, full, o)
	return result, errors.Join(err, s.Close())
}

// again is one running again.
type again struct {
	s   *store.Store
	o   Options
	out io.Writer

	known map[store.RunID]bool // the reruns and children that the runs had before

	run     store.Run // the original
	dir     string    // of the rerun
	program *kernel.Program
	newer   string // a note on the program
	args    []string
	sets    dataSets
	ran     *process // nil until it has
}

func (a *again) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

func (a *again) do(ctx context.Context, id store.RunID, result *Result) (err error) {
	if a.run, err = a.s.Run(ctx, id); err != nil {
		return err
	}
	if a.run.Status == store.Running {
		return errors.New("it is still running")
	}
	if a.o.Resume {
		if err := a.resumable(); err != nil {
			return err
		}
	}
	if err := sameArchitecture(a.run); err != nil && !a.o.OtherMachine {
		return err
	}
	var snapshot experiments.Snapshot
	if a.program, snapshot, err = program(ctx, a.s, id); err != nil {
		return err
	}
	a.newer = newer(snapshot)
	if a.dir, err = os.MkdirTemp("", "assay-rerun-"); err != nil {
		return err
	}
	defer os.RemoveAll(a.dir)
	if a.o.Code {
		if err := a.useToday(ctx, snapshot); err != nil {
			return err
		}
	}
	if err := a.prepareData(ctx); err != nil {
		return err
	}
	if err := a.setParams(a.o.Params); err != nil {
		return err
	}
	file, err := a.build(ctx)
	if err != nil {
		return err
	}
	if a.ran, err = a.start(ctx, file); err != nil {
		return err
	}
	return a.conclude(ctx, result)
}

// sameArchitecture is an error for a run of another kind of machine.
func sameArchitecture(run store.Run) error {
	was, is := run.Env["os"]+"/"+run.Env["arch"], runtime.GOOS+"/"+runtime.GOARCH
	if was == is || was == "/" {
		return nil
	}
	return fmt.Errorf("it ran on %s and this machine is %s, whose numbers may differ: assay rerun --other-machine runs it all the same", was, is)
}

func (a *again) resumable() error {
	switch {
	case a.run.Status == store.Finished:
		return errors.New("it is finished: there is nothing left to resume")
	case a.o.IsVariation() || a.o.Bitwise:
		return errors.New("a run that is resumed stays the run that it was: nothing of it can be varied")
	}
	return nil
}

// prepareData finds the data, or says what is missing, and tells the program
// where it is now.
func (a *again) prepareData(ctx context.Context) (err error) {
	if a.sets, err = findData(ctx, a.s, a.run, filepath.Join(a.dir, "found"), digests{}); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.o.Data)) {
		if err := a.sets.replace(name, a.o.Data[name]); err != nil {
			return err
		}
	}
	missing, changed := a.sets.problems()
	if missing != nil {
		return errors.New(strings.Join(missing, "; "))
	}
	if changed != nil && a.o.Resume {
		return errors.New(strings.Join(changed, "; "))
	}
	for _, sentence := range changed {
		a.say("%s", sentence)
	}
	moved, err := a.sets.link(filepath.Join(a.dir, "data"), filepath.Join(a.dir, "work"))
	if err != nil {
		return err
	}
	a.args = slices.Clone(a.run.Origin.Args)
	for i, arg := range a.args {
		name, value, hasValue := strings.Cut(arg, "=")
		if at, ok := moved[arg]; ok {
			a.args[i] = at
		} else if at, ok := moved[value]; ok && hasValue {
			a.args[i] = name + "=" + at
		}
	}
	params, err := a.program.Parameters()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, p := range params {
		if text, err := strconv.Unquote(p.Default); err == nil && moved[text] != "" {
			values[p.Name] = moved[text]
		}
	}
	return a.program.SetParameters(values)
}

// setParams changes arguments, and the declarations of the rest.
func (a *again) setParams(params map[string]string) error {
	declared := maps.Clone(params)
	for i := 0; i < len(a.args); i++ {
		flag, _, inOne := strings.Cut(a.args[i], "=")
		name := strings.TrimLeft(flag, "-")
		value, ok := params[name]
		if !ok || name == flag {
			continue
		}
		delete(declared, name)
		switch {
		case inOne || i+1 == len(a.args):
			a.args[i] = flag + "=" + value
		default:
			a.args[i+1] = value
			i++
		}
	}
	return a.program.SetParameters(declared)
}

// building is held while a program is built: those of several reruns at once
// wait for the first, and find what it compiled.
var building sync.Mutex

func (a *again) build(ctx context.Context) (string, error) {
	modules, err := modulesDir()
	if err != nil {
		return "", err
	}
	if a.program.Proxy, err = useProxy(ctx, a.s, a.run.ID, a.dir); err != nil {
		return "", err
	}
	building.Lock()
	defer building.Unlock()
	began := time.Now()
	file, notes, err := a.program.Build(ctx, filepath.Join(a.dir, "program"), modules)
	for _, note := range notes {
		a.say("note: %s", note)
	}
	if err != nil {
		return "", err
	}
	a.say("built the program of run %s in %.1f s", a.run.ID, time.Since(began).Seconds())
	return file, nil
}

// process is what the program was, when it had ended.
type process struct {
	pid    int
	failed error
	said   string // last, after a colon
}

// start runs the program to its end.
func (a *again) start(ctx context.Context, file string) (*process, error) {
	work := filepath.Join(a.dir, "work") // links to data are there already
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	env, err := a.environment(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, file, a.args...)
	cmd.Dir, cmd.Env = work, env
	// In a group of its own, a Ctrl-C reaches it once: it takes the second for a kill.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // the run ends as interrupted
	cmd.WaitDelay = 10 * time.Second
	var tail tail
	cmd.Stdout, cmd.Stderr = a.out, a.out
	if _, direct := a.out.(*os.File); !direct { // a terminal shows progress, if the program sees it
		cmd.Stderr = io.MultiWriter(a.out, &tail)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	failed := cmd.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("it was stopped: %w", context.Cause(ctx))
	}
	return &process{cmd.Process.Pid, failed, tail.last()}, nil
}

// conclude finds the run that the program recorded in the place of the original,
// and says what came of it.
func (a *again) conclude(ctx context.Context, result *Result) (err error) {
	if result.Rerun, err = a.recorded(ctx, a.ran.pid); err != nil {
		return err
	}
	switch {
	case result.Rerun == "" && a.ran.failed != nil:
		return fmt.Errorf("its program ended with %w before it recorded the run%s", a.ran.failed, a.ran.said)
	case result.Rerun == "":
		return fmt.Errorf("its program did not record the run%s", a.ran.said)
	case a.o.Resume:
		return a.ended(ctx, result)
	case a.o.IsVariation():
		if err := a.s.SetTag(ctx, result.Rerun, VariationTag, a.o.variation()); err != nil {
			return err
		}
	}
	return a.judge(ctx, result)
}

// remember keeps what the run's program is not to be taken to have recorded.
func (a *again) remember(run store.Run) {
	for _, id := range slices.Concat(run.Reruns, run.Children) {
		a.known[id] = true
	}
}

// recorded returns the run that the process pid recorded in the place of the
// original, "" if none.
func (a *again) recorded(ctx context.Context, pid int) (store.RunID, error) {
	run, err := a.s.Run(ctx, a.run.ID)
	if err != nil {
		return "", err
	}
	if a.o.Resume {
		if run.PID == pid {
			return run.ID, nil
		}
		return "", nil
	}
	for _, id := range slices.Backward(slices.Concat(run.Reruns, run.Children)) {
		if id == a.run.ID || a.known[id] { // of an earlier process, which may have had the pid
			continue
		}
		candidate, err := a.s.Run(ctx, id)
		if err != nil {
			return "", err
		}
		if candidate.PID == pid && candidate.Origin.Run == max(1, a.run.Origin.Run) {
			return id, nil
		}
	}
	return "", nil
}

// environment is that of this process, with what can change numbers as it was
// recorded.
func (a *again) environment(ctx context.Context) ([]string, error) {
	values := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GONB_") && !slices.Contains(experiments.NumericVariables, name) {
			values[name] = value
		}
	}
	for _, name := range experiments.NumericVariables {
		if value, ok := a.run.Env[name]; ok {
			values[name] = value
		}
	}
	if a.o.Bitwise {
		maps.Copy(values, Pins(a.run.Env))
		a.say("bitwise: %s", PinsCost)
	}
	source := filepath.Join(a.dir, "cell.go")
	if err := os.WriteFile(source, []byte(a.run.Origin.Source), 0o600); err != nil {
		return nil, err
	}
	dirs := filepath.Join(a.dir, "data")
	if more := os.Getenv("ASSAY_DATA"); more != "" {
		dirs += string(filepath.ListSeparator) + more
	}
	maps.Copy(values, map[string]string{
		"ASSAY_STORE": a.s.Path(), "ASSAY_DATA": dirs, experiments.EnvAsOf: a.run.Started.Format(time.RFC3339Nano),
	})
	origin := map[string]string{
		"ASSAY_NOTEBOOK": a.run.Origin.Notebook, "ASSAY_CELL_ID": a.run.Origin.Cell, "ASSAY_CELL_SOURCE": source,
		"ASSAY_CELL": strconv.Itoa(a.run.Origin.Order), "ASSAY_HISTORY": "", "ASSAY_DISPLAY": "",
		"ASSAY_PROGRAM": filepath.Join(a.dir, "program", "src", filepath.FromSlash(a.program.Package), "main.go"),
		"ASSAY_PARENT":  "", experiments.EnvRerunOf: "", experiments.EnvResume: "",
	}
	if a.run.Origin.Source == "" { // no cell
		origin["ASSAY_CELL_SOURCE"], origin["ASSAY_CELL"] = "", ""
	}
	if a.o.IsVariation() {
		origin["ASSAY_PARENT"] = string(a.run.ID)
	} else {
		siblings, err := a.s.Siblings(ctx, a.run.ID)
		if err != nil {
			return nil, err
		}
		own := max(1, a.run.Origin.Run)
		siblings[own] = a.run.ID
		if a.o.Resume {
			delete(siblings, own)
			origin[experiments.EnvResume] = fmt.Sprintf("%d=%s", own, a.run.ID)
		}
		var pairs []string
		for _, n := range slices.Sorted(maps.Keys(siblings)) {
			pairs = append(pairs, fmt.Sprintf("%d=%s", n, siblings[n]))
		}
		origin[experiments.EnvRerunOf] = strings.Join(pairs, ",")
	}
	for name, value := range origin {
		if values[name] = value; value == "" {
			delete(values, name)
		}
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env, nil
}

// ended says how a resumed run ended now.
func (a *again) ended(ctx context.Context, result *Result) (err error) {
	if result.Resumed, err = a.s.Run(ctx, a.run.ID); err != nil {
		return err
	}
	return unlessFinished(result.Resumed)
}

// unlessFinished is the error of a run that was to finish.
func unlessFinished(run store.Run) error {
	if run.Status == store.Finished {
		return nil
	}
	message, _, _ := strings.Cut(run.Message, "\n")
	if message != "" {
		message = ": " + message
	}
	return fmt.Errorf("its program now ends as %s (run %s)%s", run.Status, run.ID, message)
}

// judge compares the new run with the original, and keeps the verdict with both.
func (a *again) judge(ctx context.Context, result *Result) error {
	run, err := a.s.Run(ctx, result.Rerun)
	if err != nil {
		return err
	}
	if failed := unlessFinished(run); failed != nil && a.run.Status == store.Finished {
		if !a.o.IsVariation() {
			failed = errors.Join(failed, a.s.SetVerdict(ctx, run.ID, string(experiments.CouldNotRun)))
		}
		return failed
	}
	c, err := experiments.Compare(ctx, a.s, a.run.ID, run.ID, a.o.Tolerance)
	if err != nil {
		return err
	}
	if a.newer != "" {
		c.Notes = append(c.Notes, a.newer)
	}
	result.Comparison = c
	if a.o.Bitwise && a.run.Tags[experiments.ResumedTag] == "" { // else it took the pause too
		was, is := a.run.Ended.Sub(a.run.Started).Seconds(), run.Ended.Sub(run.Started).Seconds()
		a.say("bitwise: the run took %.1f s, this one %.1f s (%+.0f %%)", was, is, 100*(is-was)/was)
	}
	if a.o.IsVariation() {
		return nil
	}
	report, err := json.Marshal(c.Report())
	if err != nil {
		return err
	}
	both := []store.RunID{run.ID}
	if a.run.RerunOf == "" { // else its own verdict, on the run that it repeats, stays
		both = append(both, a.run.ID)
	}
	for _, id := range both {
		if err := errors.Join(a.s.SetVerdict(ctx, id, string(c.Verdict)), a.s.SetReport(ctx, id, experiments.ReportName, report)); err != nil {
			return err
		}
	}
	return nil
}

// oneAtATime is a writer for the two streams of a program.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(b), nil
}

var panicLine = regexp.MustCompile(`(?m)^(panic: |fatal error: ).*$`)

// last returns the line that says why a program ended, after a colon.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line := panicLine.Find(t.text); line != nil {
		return ": " + string(line)
	}
	text := strings.TrimSpace(string(t.text))
	if text == "" {
		return ""
	}
	return ": " + text[strings.LastIndexByte(text, '\n')+1:]
}
