package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// noise is size random bytes that are never all in memory.
func noise(seed uint64, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(seed)}), size)
}

func TestArtifacts(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	for name, size := range map[string]int64{"empty": 0, "small": 10, "part": partSize, "two": partSize + 1, "many": 5*partSize - 3} {
		hash := sha256.New()
		digest, err := w.Artifact(ctx, name, "application/x", io.TeeReader(iotest.HalfReader(noise(1, size)), hash))
		check(t, err)
		r, a, err := s.OpenArtifact(ctx, w.ID(), name)
		check(t, err)
		got := sha256.New()
		n, err := io.Copy(got, r)
		check(t, err)
		check(t, r.Close())
		want := hex.EncodeToString(hash.Sum(nil))
		if string(digest) != want || hex.EncodeToString(got.Sum(nil)) != want || n != size || a.Size != size || a.MediaType != "application/x" {
			t.Errorf("%s: got %d bytes of digest %s, want %d of %s (%+v)", name, n, digest, size, want, a)
		}
	}
	blobs := func() (n int) {
		t.Helper()
		check(t, s.read.QueryRow(`select count(*) from blob`).Scan(&n))
		return n
	}
	if n := blobs(); n != 5 {
		t.Errorf("%d blobs for 5 contents", n)
	}
	other := start(t, s, NewRun{})
	for _, size := range []int64{10, 5*partSize - 3} {
		_, err := other.Artifact(ctx, "again", "", noise(1, size))
		check(t, err)
	}
	if n := blobs(); n != 5 {
		t.Errorf("%d blobs after the same content again", n)
	}
	broken := errors.New("torn")
	if _, err := other.Artifact(ctx, "torn", "", io.MultiReader(noise(2, 3*partSize), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: got %v", err)
	}
	if all, err := s.Artifacts(ctx, other.ID()); err != nil || len(all) != 1 || blobs() != 5 {
		t.Errorf("after a reader that failed: %v, %v, %d blobs", all, err, blobs())
	}
	if _, _, err := s.OpenArtifact(ctx, w.ID(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	// What a checkpoint was before it was replaced takes no room.
	for range 2 {
		for seed := range uint64(3) {
			_, err := other.Artifact(ctx, "checkpoint", "", noise(10+seed, 2*partSize))
			check(t, err)
		}
	}
	if n := blobs(); n != 6 {
		t.Errorf("%d blobs after one artifact was replaced, want 6", n)
	}
	for range 2 {
		check(t, other.RemoveArtifact(ctx, "checkpoint"))
		check(t, other.RemoveArtifact(ctx, "again")) // its content is another's too
	}
	if all, err := s.Artifacts(ctx, other.ID()); err != nil || len(all) != 0 || blobs() != 5 {
		t.Errorf("after removing artifacts: %v, %v, %d blobs", all, err, blobs())
	}
	check(t, w.End(Finished, ""))
	check(t, other.End(Finished, ""))
	sound(t, s)
}

// Memory stays the same whatever the size: 200 MB go in and out within 32 MB.
func TestLargeArtifact(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	const size, most = 200 << 20, 32 << 20
	var peak uint64
	watch := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}
	watched := func(r io.Reader) io.Reader {
		n := 0
		return readFunc(func(p []byte) (int, error) {
			if n++; n%64 == 0 {
				watch()
			}
			return r.Read(p)
		})
	}
	digest, err := w.Artifact(ctx, "weights", "", watched(noise(3, size)))
	check(t, err)
	r, _, err := s.OpenArtifact(ctx, w.ID(), "weights")
	check(t, err)
	hash := sha256.New()
	_, err = io.Copy(hash, watched(r))
	check(t, err)
	if got := hex.EncodeToString(hash.Sum(nil)); got != string(digest) {
		t.Errorf("got digest %s back, want %s", got, digest)
	}
	if peak > most {
		t.Errorf("%d MB of memory for %d MB of content", peak>>20, size>>20)
	}
	check(t, w.End(Finished, ""))
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestGC(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	keep, drop := start(t, s, NewRun{Name: "keep"}), start(t, s, NewRun{Name: "drop"})
	for _, w := range []*Writer{keep, drop} {
		_, err := w.Artifact(ctx, "shared", "", noise(1, 100))
		check(t, err)
		_, err = w.Artifact(ctx, "own", "", strings.NewReader(strings.Repeat(string(w.ID()), 300_000)))
		check(t, err)
		check(t, w.Step(0, []string{"loss", string(w.ID())}, []float64{1, 2}))
	}
	if err := s.Delete(ctx, keep.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting a run that is not in the trash: %v, want ErrNotFound", err)
	}
	check(t, s.Trash(ctx, drop.ID()))
	if err := s.Delete(ctx, drop.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting a run that still runs: %v, want ErrNotFound", err)
	}
	if g, err := s.GC(ctx, true); err != nil || len(g.Runs) != 0 || g.Blobs != 0 {
		t.Errorf("a run in the trash that still runs: %+v, %v", g, err)
	}
	check(t, keep.End(Finished, ""))
	check(t, drop.End(Finished, ""))
	if page, err := s.Runs(ctx, Query{}); err != nil || page.Total != 1 || page.Runs[0].Name != "keep" {
		t.Errorf("got %+v, %v", page, err)
	}
	if page, err := s.Runs(ctx, Query{Trash: true}); err != nil || page.Total != 1 || page.Runs[0].Trashed.IsZero() {
		t.Errorf("got in the trash %+v, %v", page, err)
	}
	check(t, s.Restore(ctx, drop.ID()))
	if g, err := s.GC(ctx, false); err != nil || len(g.Runs)+g.Blobs != 0 {
		t.Errorf("nothing in the trash: %+v, %v", g, err)
	}
	check(t, s.Trash(ctx, drop.ID()))
	g, err := s.GC(ctx, true)
	if check(t, err); len(g.Runs) != 1 || g.Blobs != 1 || g.Bytes != 3_000_000 || g.Freed != 0 {
		t.Errorf("a dry run says %+v", g)
	}
	if _, err := s.Run(ctx, drop.ID()); err != nil {
		t.Errorf("a dry run deleted: %v", err)
	}
	g, err = s.GC(ctx, false)
	if check(t, err); g.Freed < 2_900_000 {
		t.Errorf("gc freed %d bytes", g.Freed)
	}
	if _, err := s.Run(ctx, drop.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	for _, name := range []string{"shared", "own"} {
		r, _, err := s.OpenArtifact(ctx, keep.ID(), name)
		check(t, err)
		_, err = io.Copy(io.Discard, r)
		check(t, err)
	}
	sound(t, s)
}

func TestFsck(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	points := make([]Point, 3*fanout*blockSize)
	for i := range points {
		points[i] = Point{int64(i), time.UnixMicro(int64(i)), loss(i)}
	}
	check(t, w.Append("tall", points)) // of a pyramid with two levels
	check(t, w.Append("loss", points[:3*chunkSize]))
	_, err := w.Artifact(ctx, "a", "", noise(1, 3*partSize))
	check(t, err)
	check(t, w.End(Finished, ""))
	sound(t, s)
	f := func(damage, want string, args ...any) {
		t.Helper()
		tx, err := s.write.Begin()
		check(t, err)
		_, err = tx.Exec(damage, args...)
		check(t, err)
		check(t, tx.Commit())
		problems, err := s.Fsck(ctx)
		check(t, err)
		if got := strings.Join(problems, "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", damage, got, want)
		}
	}
	f(`insert into blob (digest, size, begun) values ('00', 0, 0)`, "belongs to no artifact")
	f(`insert into blob (size, begun) values (0, 0)`, "never finished")
	f(`update blob_part set data = zeroblob(length(data)) where seq = 1`, "has other content")
	f(`delete from blob_part where seq = 1`, "is not whole")
	f(`update pyramid set data = zeroblob(length(data)) where level = 1`, "metric tall: level 1 of the pyramid does not fit the one below")
	f(`update pyramid set data = zeroblob(length(data))`, "pyramid does not fit points 0 to 1024")
	f(`update chunk set data = zeroblob(length(data)) where start = 4096`, "points 4096 to 8192: damaged chunk: wrong checksum")
	f(`delete from chunk where start = 4096`, "points 4096 to 8192 are missing")
	f(`update series set count = 7`, "12288 points are there, it should have 7")
	check(t, os.MkdirAll(liveDir(s.path), 0o755))
	check(t, os.WriteFile(segmentFile(liveDir(s.path), "aaaaaaaaaa", 0), nil, 0o644))
	f(`update series set count = 7`, "of a run that the store does not have")
	if _, err := s.Series(ctx, w.ID(), "loss"); err != nil {
		t.Errorf("what is left of a damaged series: %v", err)
	}
}

// Of a file with a damaged page fsck tells what cannot be read, and goes on.
func TestFsckOfDamagedPages(t *testing.T) {
	content, err := os.ReadFile("testdata/v1.db")
	check(t, err)
	const page = 4096
	told := 0
	for at := page; at < len(content); at += page {
		damaged := bytes.Clone(content)
		for i := range 300 {
			damaged[at+i] = 0xff
		}
		path := filepath.Join(t.TempDir(), "assay.db")
		check(t, os.WriteFile(path, damaged, 0o644))
		s, err := Open(path)
		if err != nil { // the list of tables is on that page
			if !strings.Contains(err.Error(), "the store is damaged") {
				t.Errorf("page %d: %v", at/page+1, err)
			}
			continue
		}
		problems, err := s.Fsck(context.Background())
		if err != nil || len(problems) == 0 {
			t.Errorf("page %d: %q, %v", at/page+1, problems, err)
		}
		if strings.Contains(strings.Join(problems, "\n"), "metric loss cannot be read") {
			told++
		}
		s.Close()
	}
	if told == 0 {
		t.Error("no damage was told to be in a metric")
	}
}

func TestBackup(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	stop, done := make(chan bool), make(chan error)
	go func() {
		for step := int64(100); ; step++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := w.Step(step, []string{"loss"}, []float64{float64(step)}); err != nil {
				done <- err
				return
			}
		}
	}()
	for step := range int64(100) {
		check(t, w.Step(step, []string{"other"}, []float64{float64(step)}))
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	check(t, s.Backup(ctx, file))
	close(stop)
	check(t, <-done)
	if err := s.Backup(ctx, file); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a second backup: got %v", err)
	}
	check(t, w.End(Finished, ""))
	left, err := filepath.Glob(file + "*")
	if check(t, err); len(left) != 1 {
		t.Errorf("the backup is %v, want one file", left)
	}
	copied := openAt(t, file)
	points, err := copied.Series(ctx, w.ID(), "other")
	if check(t, err); len(points) != 100 {
		t.Errorf("%d points in the copy, want 100", len(points))
	}
	sound(t, copied)

	t.Chdir(t.TempDir())
	check(t, s.Backup(ctx, "copy.db")) // as a user types it
	sound(t, openAt(t, "copy.db"))
}

func TestSync(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{})
	for step := range int64(5000) {
		check(t, w.Step(step, []string{"loss"}, []float64{loss(int(step))}))
	}
	check(t, w.Sync())
	// The store file alone has it all.
	content, err := os.ReadFile(s.Path())
	check(t, err)
	file := filepath.Join(t.TempDir(), "copy.db")
	check(t, os.WriteFile(file, content, 0o644))
	points, err := openAt(t, file).Series(ctx, w.ID(), "loss")
	if check(t, err); len(points) != 5000 {
		t.Errorf("%d points in the copy, want 5000", len(points))
	}
	check(t, w.End(Finished, ""))
	if left, _ := filepath.Glob(liveDir(s.path) + "*"); len(left) != 0 {
		t.Errorf("%v is left after End", left)
	}
}

func TestSQL(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	w := start(t, s, NewRun{Experiment: "trial", Name: "one"})
	check(t, w.Params(map[string]Value{"lr": 0.5}))
	check(t, w.Append("loss", []Point{{-3, time.UnixMicro(1), 0.1}, {4, time.UnixMicro(2), math.NaN()}, {5, time.UnixMicro(3), math.Inf(-1)}}))
	f := func(query, want string) {
		t.Helper()
		var b strings.Builder
		err := s.SQL(ctx, query, func(columns []string, values []any) error {
			if values == nil {
				fmt.Fprint(&b, columns)
			} else {
				fmt.Fprint(&b, values)
			}
			return nil
		})
		if err != nil {
			fmt.Fprint(&b, err)
		}
		if got := b.String(); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	f(`select step, value from points where name = 'loss'`, `[step value][-3 0.1][4 <nil>][5 -Inf]`)
	f(`select experiment, name, status from runs`, `[experiment name status][trial one running]`)
	f(`select p.value, m.last from params p join metrics m using (run)`, `[value last][0.5 -Inf]`)
	f(`delete from run`, `readonly`)
	other := filepath.Join(t.TempDir(), "x.db")
	f(`attach '`+other+`' as x`, `too many attached databases`)
	f(`pragma query_only = false; attach '`+other+`' as x`, `too many attached databases`)
	f(`vacuum into '`+other+`'`, `too many attached databases`)
	f(`pragma query_only = false; delete from run`, `readonly`)
	if _, err := os.Stat(other); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a query has made a file: %v", err)
	}
	f(`select absent`, `no such column: absent`)
	check(t, w.End(Finished, ""))
	f(`select count(*) from points`, `[3]`)
}

// released are files that a released assay wrote, and stay as they are.
func TestReleasedFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/v*.db")
	check(t, err)
	if len(files) != newest() {
		t.Fatalf("testdata has %d files, one a version makes %d: go test -run WriteReleased -release", len(files), newest())
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		check(t, err)
		path := filepath.Join(t.TempDir(), "assay.db")
		check(t, os.WriteFile(path, content, 0o644))
		s := openAt(t, path)
		compareReleased(t, s)
		sound(t, s)
		if backups, _ := filepath.Glob(path + ".v*.backup"); (len(backups) == 1) == strings.HasSuffix(file, fmt.Sprintf("v%d.db", newest())) {
			t.Errorf("%s: backups %v", file, backups)
		}
	}
}

const releasedRun RunID = "areleased1"

func writeReleased(t *testing.T, s *Store) {
	ctx := context.Background()
	w := start(t, s, NewRun{ID: releasedRun, Name: "released", Started: time.UnixMicro(1e15), Tags: map[string]string{"arm": "treated"}})
	check(t, w.Params(map[string]Value{"lr": 0.5, "layers": 3}))
	points := hard()
	for i := range 5000 {
		points = append(points, Point{int64(i), time.UnixMicro(int64(i)).UTC(), loss(i)})
	}
	check(t, w.Append("loss", points))
	check(t, w.Summary("test.auc", 0.9, 0.8, 0.95))
	check(t, w.Figure(Figure{ID: "roc", Option: []byte(`{}`)}))
	check(t, w.Report("test", []byte(`{}`)))
	check(t, w.Data(DataUse{Name: "d", Files: []DataFile{{"f", 1, "00"}}}))
	_, err := w.Artifact(ctx, "a", "", noise(1, 1000))
	check(t, err)
	check(t, w.EndAt(Finished, "", time.UnixMicro(1e15+1)))
}

func compareReleased(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	r, err := s.Run(ctx, releasedRun)
	check(t, err)
	if r.Status != Finished || r.Params["lr"] != 0.5 || r.Params["layers"] != int64(3) || r.Metrics["test.auc"].High != 0.95 || r.Tags["arm"] != "treated" {
		t.Errorf("got %+v", r)
	}
	points, err := s.Series(ctx, releasedRun, "loss")
	check(t, err)
	want := hard()
	same(t, points[:len(want)], want)
	if rest := points[len(want):]; len(rest) != 5000 || rest[4999].Value != loss(4999) {
		t.Errorf("got %d points", len(points))
	}
	content, _, err := s.OpenArtifact(ctx, releasedRun, "a")
	check(t, err)
	got, err := io.ReadAll(content)
	check(t, err)
	if expected, _ := io.ReadAll(noise(1, 1000)); !bytes.Equal(got, expected) {
		t.Error("the artifact differs")
	}
}
