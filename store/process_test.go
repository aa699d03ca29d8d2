package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the program of other processes: ASSAY_STORE_TEST names
// one of these, which gets the store and its own arguments.
var programs = map[string]func(s *Store, args []string) error{
	"steps":  logSteps,
	"writer": logTimed,
	"hold":   hold,
	"resume": resume,
	"live":   live,
}

func TestMain(m *testing.M) {
	program := programs[os.Getenv("ASSAY_STORE_TEST")]
	if program == nil {
		os.Exit(m.Run())
	}
	s, err := Open(os.Args[1])
	if err == nil {
		err = program(s, os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func spawn(t testing.TB, program, store string, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{store}, args...)...)
	cmd.Env = append(os.Environ(), "ASSAY_STORE_TEST="+program)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewReader(out)
}

// logSteps logs steps until it is killed, and says after each that it is logged.
func logSteps(s *Store, args []string) error {
	w, err := s.Start(context.Background(), NewRun{Experiment: "kill"})
	if err != nil {
		return err
	}
	os.Stdout.WriteString(string(w.ID()) + "\n")
	names := []string{"loss", "acc"}
	var line [9]byte
	line[8] = '\n'
	for step := int64(0); ; step++ {
		if err := w.Step(step, names, []float64{loss(int(step)), float64(-step)}); err != nil {
			return err
		}
		os.Stdout.Write(fmt.Appendf(line[:0], "%08d\n", step))
	}
}

func TestKill(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	total := 0
	for round := range 25 {
		cmd, out := spawn(t, "steps", s.Path())
		line, err := out.ReadString('\n')
		check(t, err)
		id := RunID(strings.TrimSpace(line))
		go func() {
			// From the first write to several folds later.
			time.Sleep(time.Duration(rand.IntN(30*(1+round))) * time.Millisecond)
			cmd.Process.Kill()
		}()
		said, err := io.ReadAll(out)
		check(t, err)
		cmd.Wait()
		lines := strings.Split(string(said), "\n")
		logged := int64(-1)
		if len(lines) > 1 {
			logged, err = strconv.ParseInt(lines[len(lines)-2], 10, 64)
			check(t, err)
		}
		s.mu.Lock()
		s.reaped = time.Time{} // another reader would wait for up to a second
		s.mu.Unlock()
		r, err := s.Run(ctx, id)
		check(t, err)
		if r.Status != Killed || logged >= 0 && r.LastStep < logged || r.Ended.IsZero() {
			t.Errorf("round %d: killed after step %d: status %s, last step %d, ended %v", round, logged, r.Status, r.LastStep, r.Ended)
		}
		if logged < 0 {
			continue
		}
		for i, name := range []string{"loss", "acc"} {
			points, err := s.Series(ctx, id, name)
			check(t, err)
			// The call that was cut off may have got through.
			if n := int64(len(points)); n < logged+1 || n > logged+2 {
				t.Fatalf("round %d: %d points of %s, %d were logged", round, n, name, logged+1)
			}
			for step, p := range points {
				if want := [2]float64{loss(step), float64(-step)}[i]; p.Step != int64(step) || p.Value != want {
					t.Fatalf("round %d: point %d is %v", round, step, p)
				}
			}
			total += len(points)
		}
	}
	if left, _ := filepath.Glob(liveDir(s.path) + "*"); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	sound(t, s)
	t.Logf("%d points kept", total)
}

// A killed run is shown so within seconds by a reader that may not write too.
func TestKilledSeenByReaders(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "assay.db")
	openAt(t, path)
	reader, err := OpenReadOnly(path)
	check(t, err)
	defer reader.Close()
	cmd, out := spawn(t, "steps", path)
	line, err := out.ReadString('\n')
	check(t, err)
	id := RunID(strings.TrimSpace(line))
	go io.Copy(io.Discard, out)
	status := func(want Status) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			r, err := reader.Run(ctx, id)
			check(t, err)
			if r.Status == want && r.LastStep > 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("after 5 s it is %s at step %d, want %s", r.Status, r.LastStep, want)
			}
		}
	}
	status(Running)
	cmd.Process.Kill()
	cmd.Wait()
	status(Killed)
	// The filter agrees once somebody who may write has looked.
	s, err := OpenToRead(path)
	check(t, err)
	defer s.Close()
	page, err := s.Runs(ctx, Query{Where: "status = killed"})
	if check(t, err); page.Total != 1 {
		t.Errorf("status = killed finds %d runs", page.Total)
	}
	w, err := s.Resume(ctx, id)
	check(t, err)
	check(t, w.Step(1e9, []string{"loss"}, []float64{1}))
	check(t, w.End(Finished, ""))
	if r, err := reader.Run(ctx, id); err != nil || r.Status != Finished || r.LastStep != 1e9 {
		t.Errorf("resumed: %+v, %v", r, err)
	}
}

func TestLives(t *testing.T) {
	dir := t.TempDir()
	const run RunID = "aaaaaaaaaa"
	me := self()
	other := me
	other.birth = "1" // of a process that had our pid before us
	away := process{host: "elsewhere", pid: me.pid, boot: "another", birth: me.birth}
	f := func(name string, p process, want bool) {
		t.Helper()
		if got := lives(dir, run, p); got != want {
			t.Errorf("%s: lives is %v", name, got)
		}
	}
	f("no lock file, our process", me, true)
	f("no lock file, an older process of our pid", other, false)
	f("no lock file, another machine", away, false)
	lockedFile, err := openLock(dir, lockFile(dir, run), 0)
	check(t, err)
	f("locked", other, true)
	f("another machine, a heartbeat", away, true)
	check(t, os.Chtimes(lockedFile.Name(), time.Time{}, time.Now().Add(-2*silence)))
	f("another machine, silent", away, false)
	check(t, os.Chtimes(lockedFile.Name(), time.Time{}, time.Now().Add(time.Hour)))
	f("another machine, its last heartbeat to come", away, false)
	check(t, lockedFile.Close())
	again, err := openLock(dir, lockFile(dir, run), 0)
	check(t, err)
	if info, err := again.Stat(); err != nil || !info.ModTime().After(time.Now()) {
		t.Errorf("taking the lock has touched the heartbeat: %v, %v", info.ModTime(), err)
	}
	check(t, again.Close())
	f("lock file, not locked", me, false)
}

// logTimed logs steps as fast as it can and says how long the slowest took.
func logTimed(s *Store, args []string) error {
	steps, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	w, err := s.Start(context.Background(), NewRun{Experiment: "crowd"})
	if err != nil {
		return err
	}
	if err := w.Params(map[string]Value{"pid": os.Getpid()}); err != nil {
		return err
	}
	took := make([]time.Duration, steps)
	for i := range took {
		began := time.Now()
		if err := w.Step(int64(i), []string{"loss"}, []float64{loss(i)}); err != nil {
			return err
		}
		took[i] = time.Since(began)
		time.Sleep(time.Millisecond)
	}
	if err := w.End(Finished, ""); err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Println(w.ID(), int64(took[len(took)*99/100]), int64(took[len(took)-1]))
	return s.Close()
}

func TestManyProcesses(t *testing.T) {
	ctx := context.Background()
	const processes, steps = 16, 1000
	path := filepath.Join(t.TempDir(), "new", "assay.db") // which they make at the same time
	type result struct {
		cmd *exec.Cmd
		out *bufio.Reader
	}
	var all []result
	for range processes {
		cmd, out := spawn(t, "writer", path, strconv.Itoa(steps))
		all = append(all, result{cmd, out})
	}
	s := openAt(t, path)
	stop, done := make(chan bool), make(chan error)
	go func() { // a page that polls
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(20 * time.Millisecond):
			}
			page, err := s.Runs(ctx, Query{Where: "status = running", Sort: []string{"-started"}})
			for _, r := range page.Runs {
				if err == nil && r.Points > 0 {
					_, err = s.Series(ctx, r.ID, "loss")
				}
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	var worst time.Duration
	for _, r := range all {
		line, err := r.out.ReadString('\n')
		if err := r.cmd.Wait(); err != nil {
			t.Error(err)
			continue
		}
		check(t, err)
		var id RunID
		var p99, most time.Duration
		if _, err := fmt.Sscan(line, &id, &p99, &most); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, p99)
		points, err := s.Series(ctx, id, "loss")
		if check(t, err); len(points) != steps || points[steps-1].Value != loss(steps-1) {
			t.Errorf("run %s has %d points, want %d", id, len(points), steps)
		}
	}
	close(stop)
	check(t, <-done)
	if worst > 50*time.Millisecond {
		t.Errorf("the slowest hundredth of Step took %v", worst)
	}
	t.Logf("p99 of Step in the slowest process: %v", worst)
	page, err := s.Runs(ctx, Query{Where: "status = finished"})
	if check(t, err); page.Total != processes {
		t.Errorf("%d runs, want %d", page.Total, processes)
	}
	sound(t, s)
}

// hold starts a run, logs one point and waits to be killed.
func hold(s *Store, args []string) error {
	w, err := s.Start(context.Background(), NewRun{Experiment: "hold"})
	if err == nil {
		err = w.Step(1, []string{"loss"}, []float64{1})
	}
	if err != nil {
		return err
	}
	fmt.Println(w.ID())
	select {}
}

// What one process logs, another reads within a second.
func TestVisible(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	cmd, out := spawn(t, "hold", s.Path())
	line, err := out.ReadString('\n')
	check(t, err)
	began := time.Now()
	for {
		points, err := s.Series(ctx, RunID(strings.TrimSpace(line)), "loss")
		if err == nil && len(points) == 1 {
			break
		}
		if time.Since(began) > time.Second {
			t.Fatalf("not seen after a second: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// A run whose store was closed is as one whose process is gone, and links to
// the file are the file.
func TestClosed(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "assay.db"), filepath.Join(dir, "link.db")
	s, err := Open(path)
	check(t, err)
	check(t, os.Symlink(path, link))
	w := start(t, s, NewRun{})
	check(t, w.Step(5, []string{"loss"}, []float64{1}))
	other := openAt(t, link)
	if r, err := other.Run(ctx, w.ID()); err != nil || r.Status != Running {
		t.Errorf("through a link: %+v, %v", r, err)
	}
	check(t, s.Close())
	time.Sleep(reapEvery)
	if r, err := other.Run(ctx, w.ID()); err != nil || r.Status != Killed || r.LastStep != 5 {
		t.Errorf("after Close: %+v, %v", r, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*-live")); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}

func TestRemovedJournal(t *testing.T) {
	s := open(t)
	w := start(t, s, NewRun{})
	w.OnWarning(func(error) {})
	check(t, w.Step(5, []string{"loss", "acc"}, []float64{1, 2}))
	check(t, os.RemoveAll(liveDir(s.Path())))
	if err := w.End(Finished, ""); err == nil || !strings.Contains(err.Error(), "2 points were lost") {
		t.Errorf("End without the journal: %v", err)
	}
	if r, err := s.Run(context.Background(), w.ID()); err != nil || r.Status != Finished {
		t.Errorf("End without the journal: %+v, %v", r, err)
	}
}

// resume resumes a run, as soon as nobody else writes it, logs some points and
// dies.
func resume(s *Store, args []string) error {
	id, value := RunID(args[0]), args[1]
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return err
	}
	w, err := s.Resume(context.Background(), id)
	for ; errors.Is(err, errLive); w, err = s.Resume(context.Background(), id) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return err
	}
	for step := range resumeSteps {
		if err := w.Step(int64(step), []string{"loss"}, []float64{v}); err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

const resumeSteps = 20

// Processes that resume one run, and die, while others bury it: each writes alone,
// and nothing of it is lost.
func TestResumeAmongOthers(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	check(t, w.End(Interrupted, ""))
	stop := make(chan bool)
	var readers sync.WaitGroup
	for range 2 {
		other := openAt(t, s.Path())
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := other.reapNow(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	const rounds, processes = 8, 4
	for round := range rounds {
		var all []*exec.Cmd
		for i := range processes {
			cmd, out := spawn(t, "resume", s.Path(), string(w.ID()), strconv.Itoa(round*processes+i))
			go io.Copy(io.Discard, out)
			all = append(all, cmd)
		}
		for _, cmd := range all {
			cmd.Wait()
			if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != syscall.SIGKILL {
				t.Errorf("a process that resumes: %v", cmd.ProcessState)
			}
		}
	}
	close(stop)
	readers.Wait()
	check(t, s.reapNow(ctx))
	points, err := s.Series(ctx, w.ID(), "loss")
	if check(t, err); len(points) != rounds*processes*resumeSteps {
		t.Fatalf("%d points, want %d", len(points), rounds*processes*resumeSteps)
	}
	seen := map[float64]bool{}
	for i, p := range points {
		if p.Step != int64(i%resumeSteps) || i%resumeSteps > 0 && p.Value != points[i-1].Value || i%resumeSteps == 0 && seen[p.Value] {
			t.Fatalf("point %d is %v", i, p)
		}
		seen[p.Value] = true
	}
	if r, err := s.Run(ctx, w.ID()); err != nil || r.Status != Killed {
		t.Errorf("the run is %s, %v", r.Status, err)
	}
	if left, _ := filepath.Glob(liveDir(s.path) + "*"); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	sound(t, s)
}

// live does all that can be done with a store, until it is killed, and says what
// is done.
func live(s *Store, args []string) error {
	ctx := context.Background()
	for n := 0; ; n++ {
		w, err := s.Start(ctx, NewRun{Experiment: "live", Tags: map[string]string{"n": strconv.Itoa(n)}})
		if err != nil {
			return err
		}
		steps := 0
		log := func(points int) error {
			batch := make([]Point, points)
			for i := range batch {
				batch[i] = Point{int64(steps + i), time.UnixMicro(1), loss(steps + i)}
			}
			steps += points
			if err := w.Append("loss", batch); err != nil {
				return err
			}
			fmt.Println("logged", w.ID(), steps)
			return nil
		}
		_, err = w.Artifact(ctx, "weights", "", noise(uint64(n), 3*partSize/2))
		if err = errors.Join(err, log(chunkSize-3), w.Params(map[string]Value{"n": n}), log(7), w.Sync(), log(5)); err != nil {
			return err
		}
		if err := w.End(Finished, ""); err != nil {
			return err
		}
		fmt.Println("ended", w.ID(), steps)
		switch n % 3 {
		case 0:
			err = s.Backup(ctx, filepath.Join(args[0], string(w.ID())))
		case 1:
			if err = s.Trash(ctx, w.ID()); err == nil {
				fmt.Println("gone", w.ID(), 0)
				_, err = s.GC(ctx, false)
			}
		case 2:
			fmt.Println("logged", w.ID(), steps)
			if w, err = s.Resume(ctx, w.ID()); err == nil {
				err = errors.Join(log(chunkSize), w.End(Finished, ""))
			}
		}
		if err != nil {
			return err
		}
	}
}

// Whatever a process was doing when it was killed, the store is whole, has all
// that the process was told is kept, and nothing is left beside it.
func TestKillAnywhere(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	backups := t.TempDir()
	for round := range 20 {
		cmd, out := spawn(t, "live", s.Path(), backups)
		go func() {
			time.Sleep(time.Duration(50+rand.IntN(150)) * time.Millisecond)
			cmd.Process.Kill()
		}()
		said, err := io.ReadAll(out)
		check(t, err)
		cmd.Wait()
		check(t, s.reapNow(ctx))
		logged, ended, gone := map[RunID]int{}, map[RunID]bool{}, map[RunID]bool{}
		for line := range strings.Lines(string(said)) {
			var what string
			var id RunID
			var n int
			if _, err := fmt.Sscan(line, &what, &id, &n); err != nil {
				continue // cut short
			}
			switch what {
			case "gone":
				gone[id] = true
			default:
				logged[id], ended[id] = n, what == "ended"
			}
		}
		for id, n := range logged {
			if gone[id] {
				continue
			}
			points, err := s.Series(ctx, id, "loss")
			if check(t, err); len(points) < n {
				t.Errorf("round %d: run %s has %d points, %d were logged", round, id, len(points), n)
			}
			for i, p := range points {
				if p.Step != int64(i) || p.Value != loss(i) {
					t.Fatalf("round %d: run %s: point %d is %v", round, id, i, p)
				}
			}
			if r, err := s.Run(ctx, id); err != nil || r.Status == Running || ended[id] && r.Status != Finished {
				t.Errorf("round %d: run %s is %s, %v", round, id, r.Status, err)
			}
		}
	}
	whole := func(s *Store) {
		t.Helper()
		_, err := s.GC(ctx, false) // what a process that was killed left for it
		check(t, err)
		if left, _ := filepath.Glob(liveDir(s.path) + "*"); len(left) != 0 {
			t.Errorf("%v is left", left)
		}
		sound(t, s)
	}
	whole(s)
	copies, err := filepath.Glob(filepath.Join(backups, "*"))
	check(t, err)
	for _, file := range copies {
		if filepath.Ext(file) == "" { // else it was not finished
			whole(openAt(t, file))
		}
	}
}
