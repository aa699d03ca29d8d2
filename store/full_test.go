//go:build linux

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk returns a folder on a file system of its own, of a few megabytes.
func smallDisk(t *testing.T) string {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small file system needs the right to mount: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

type warnings struct {
	sync.Mutex
	said []string
}

func (w *warnings) add(err error) {
	w.Lock()
	defer w.Unlock()
	w.said = append(w.said, err.Error())
}

func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	dir := smallDisk(t)
	s := openAt(t, filepath.Join(dir, "assay.db"))
	w := start(t, s, NewRun{})
	var warned warnings
	w.OnWarning(warned.add)
	step := int64(0)
	log := func(n int) {
		t.Helper()
		for range n {
			check(t, w.Step(step, []string{"loss", "name " + string(rune('a'+step%20))}, []float64{loss(int(step)), float64(step)}))
			step++
		}
	}
	log(1000)
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	check(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	if _, err := Open(filepath.Join(dir, "other.db")); err == nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("opening a store on a full disk: %v", err)
	}
	log(30_000)
	time.Sleep(3 * tick)
	log(30_000)
	time.Sleep(3 * tick)
	warned.Lock()
	if len(warned.said) != 1 || !strings.Contains(warned.said[0], "no space left") && !strings.Contains(warned.said[0], "full") {
		t.Errorf("warnings: %q, want one that says why", warned.said)
	}
	warned.Unlock()
	check(t, os.Remove(ballast))
	log(1000)
	time.Sleep(backlogRetry)
	log(1000)
	check(t, w.End(Finished, ""))
	points, err := s.Series(ctx, w.ID(), "loss")
	check(t, err)
	if int64(len(points)) != step {
		t.Fatalf("%d points, want %d", len(points), step)
	}
	for i, p := range points {
		if p.Step != int64(i) || p.Value != loss(i) {
			t.Fatalf("point %d is %v", i, p)
		}
	}
	sound(t, s)
}

// A disk that stays full costs what memory cannot hold, which End counts.
func TestFullDiskForGood(t *testing.T) {
	dir := smallDisk(t)
	s, err := Open(filepath.Join(dir, "assay.db"))
	check(t, err)
	w := start(t, s, NewRun{})
	w.OnWarning(func(error) {})
	check(t, w.Step(0, []string{"loss"}, []float64{1}))
	check(t, w.Sync())
	f, err := os.Create(filepath.Join(dir, "ballast"))
	check(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	points := make([]Point, 5_000_000) // more than the backlog holds
	check(t, w.Append("loss", points))
	err = w.End(Finished, "")
	if err == nil || !strings.Contains(err.Error(), "5000000 points are not in the store") || !strings.Contains(err.Error(), "5000000 are lost") {
		t.Errorf("End: %v", err)
	}
	if held := len(w.journal.backlog); held > maxBacklog {
		t.Errorf("%d bytes were held in memory", held)
	}
	s.Close()
}

// A store that breaks is written when it is whole again, by whoever opens it if
// the run is over.
func TestBrokenStore(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w, late := start(t, s, NewRun{}), start(t, s, NewRun{})
	var warned warnings
	w.OnWarning(warned.add)
	late.OnWarning(func(error) {})
	_, err := s.write.Exec(`alter table chunk rename to broken`)
	check(t, err)
	for step := range int64(100) {
		check(t, w.Step(step, []string{"loss"}, []float64{1}))
		check(t, late.Step(step, []string{"loss"}, []float64{1}))
	}
	err = late.End(Failed, "the reason")
	if err == nil || !strings.Contains(err.Error(), "100 of them are kept in "+liveDir(s.Path())) {
		t.Errorf("End on a broken store: %v", err)
	}
	time.Sleep(2 * tick)
	if len(warned.said) != 1 {
		t.Errorf("warnings: %q, want one", warned.said)
	}
	_, err = s.write.Exec(`alter table broken rename to chunk`)
	check(t, err)
	check(t, w.End(Finished, ""))
	s.mu.Lock()
	s.reaped = time.Time{}
	s.mu.Unlock()
	for _, w := range []*Writer{w, late} {
		if points, err := s.Series(ctx, w.ID(), "loss"); err != nil || len(points) != 100 {
			r, _ := s.Run(ctx, w.ID())
			if points, err = s.Series(ctx, w.ID(), "loss"); err != nil || len(points) != 100 {
				t.Errorf("%d points, %v (%+v)", len(points), err, r)
			}
		}
	}
	if r, err := s.Run(ctx, late.ID()); err != nil || r.Status != Failed || r.Message != "the reason" {
		t.Errorf("the run that ended on a broken store: %+v, %v", r, err)
	}
	sound(t, s)
}

// A store in a folder that may not be written is refused for writing, and read.
func TestReadOnlyFolder(t *testing.T) {
	ctx := context.Background()
	dir := smallDisk(t)
	path := filepath.Join(dir, "assay.db")
	s, err := Open(path)
	check(t, err)
	w := start(t, s, NewRun{})
	check(t, w.Step(1, []string{"loss"}, []float64{1}))
	check(t, w.End(Finished, ""))
	check(t, s.Close())
	check(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err = Open(path)
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), "ASSAY_STORE") {
		t.Errorf("got %v, want a sentence with the way out", err)
	}
	s, err = OpenToRead(path)
	check(t, err)
	defer s.Close()
	if page, err := s.Runs(ctx, Query{Where: "metric.loss = 1"}); err != nil || page.Total != 1 {
		t.Errorf("%d runs, %v", page.Total, err)
	}
	points := 0
	check(t, s.SQL(ctx, `select * from points`, func(_ []string, values []any) error {
		points += len(values) / 6
		return nil
	}))
	if points != 1 {
		t.Errorf("%d points, want 1", points)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	check(t, s.Backup(ctx, file))
	sound(t, openAt(t, file))
}

func TestNetworkFileSystem(t *testing.T) {
	mounts := []byte(`22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:30 / /home/a rw - fuse.sshfs me@host:/ rw
31 30 0:31 / /home/a/local rw - fuse.ntfs-3g /dev/sdb rw
`)
	for dir, want := range map[string]string{"/home/a": "fuse.sshfs", "/home/a/b": "fuse.sshfs", "/home/ab": "", "/home/a/local/x": "", "/": ""} {
		if got := fuseAmong(mounts, dir); got != want {
			t.Errorf("%s: got %q, want %q", dir, got, want)
		}
	}
	if name := networkFileSystem(t.TempDir()); name != "" {
		t.Errorf("the temporary folder is on %s", name)
	}
}
