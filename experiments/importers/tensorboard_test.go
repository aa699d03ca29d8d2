package importers

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/assay-ml/assay/store"
)

// TestTensorBoard imports what testdata/make_tensorboard.py recorded with
// tensorboardX 2.6.5 and TensorBoard 2.21.0's own writer.
func TestTensorBoard(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(unzip(t, "tensorboard.zip"), "logs")
	s := newStore(t)
	result, err := TensorBoard(ctx, s, dir, nil)
	check(t, err)
	if result.New != 4 || result.Points != 8+10+9+1 {
		t.Errorf("%v, want 4 new runs with 28 points", result)
	}
	notes := strings.Join(result.Notes, "\n")
	for _, want := range []string{"its last record is not whole; the 10 events", "kind text", "kind histogram", "kind image"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes are\n%s\nwant one with %q", notes, want)
		}
	}
	runs := map[string]store.Run{}
	for _, run := range allRuns(t, s) {
		if run.Experiment != "logs" || run.Host != "vm" {
			t.Errorf("run %s is of experiment %q and ran on %q, want logs and vm", run.Name, run.Experiment, run.Host)
		}
		runs[run.Name] = run
	}
	x, trial, own, killed := runs["x"], runs["x/trial"], runs["t"], runs["killed"]

	if got, want := points(t, s, x.ID, "loss/train"), "0:0.5 1:0.10000000149011612 2:NaN 3:+Inf 4:-Inf 5:-0 3:2 1:1"; got != want {
		t.Errorf("loss/train is %s, want %s", got, want)
	}
	series, err := s.Series(ctx, x.ID, "loss/train")
	check(t, err)
	if got, want := series[7].Time, time.UnixMilli(1_700_000_007_250).UTC(); !got.Equal(want) {
		t.Errorf("its last point is of %v, want %v", got, want)
	}
	if trial.Parent != x.ID || x.Status != store.Finished || trial.Status != store.Finished {
		t.Errorf("x is %s, x/trial %s with the parent %q, want both finished and %q", x.Status, trial.Status, trial.Parent, x.ID)
	}
	if want := (map[string]store.Value{"lr": 0.001, "augment": true, "arch": "cnn", "epochs": 3.0}); !reflect.DeepEqual(trial.Params, want) {
		t.Errorf("params of x/trial are %#v, want %#v", trial.Params, want)
	}
	if want := (map[string]store.Value{"lr": 0.01, "augment": false, "arch": "vit"}); !reflect.DeepEqual(own.Params, want) {
		t.Errorf("params of t are %#v, want %#v", own.Params, want)
	}
	if got, want := points(t, s, own.ID, "auc"), "0:0 1:0.1 2:0.2 3:0.30000000000000004 4:0.4"; got != want {
		t.Errorf("auc is %s, want %s", got, want)
	}
	if got, want := points(t, s, own.ID, "kinds"), "1099511627776:0 1099511627777:1 1099511627778:2 1099511627779:3 1099511627780:4"; got != want {
		t.Errorf("kinds is %s, want %s", got, want)
	}
	if own.Status != store.Failed || own.Started.Unix() != 1_700_000_100 || own.Ended.Unix() != 1_700_000_200 || own.PID == 0 {
		t.Errorf("t is %s, from %v to %v, process %d", own.Status, own.Started, own.Ended, own.PID)
	}
	if got, want := points(t, s, killed.ID, "loss"), "0:0 1:0.125 2:0.25 3:0.375 4:0.5 5:0.625 6:0.75 7:0.875 8:1"; got != want {
		t.Errorf("loss of the killed run is %s, want %s", got, want)
	}
	if killed.Status != store.Killed {
		t.Errorf("the killed run is %s", killed.Status)
	}
}

// TestTensorBoardGoesOn imports a log as it grows, moved in between.
func TestTensorBoardGoesOn(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(unzip(t, "tensorboard.zip"), "logs", "x")
	check(t, os.RemoveAll(filepath.Join(dir, "trial")))
	files, err := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	check(t, err)
	whole, err := os.ReadFile(files[0])
	check(t, err)
	s := newStore(t)
	total := int64(0)
	for i, size := range []int{200, 201, 300, len(whole), len(whole)} {
		check(t, os.WriteFile(files[0], whole[:size], 0o644))
		result, err := TensorBoard(ctx, s, dir, nil)
		check(t, err)
		total += result.Points
		if result.New != 0 && i > 0 {
			t.Errorf("with %d bytes: %v, want the run that is there", size, result)
		}
		if i == 4 && result.Unchanged != 1 {
			t.Errorf("again: %v, want it unchanged", result)
		}
	}
	if total != 8 {
		t.Errorf("%d points went in, want 8", total)
	}
	if got := points(t, s, allRuns(t, s)[0].ID, "loss/train"); !strings.HasPrefix(got, "0:0.5") || !strings.HasSuffix(got, "5:-0 3:2 1:1") {
		t.Errorf("loss/train is %s", got)
	}
	if run := allRuns(t, s)[0]; run.Status != store.Finished {
		t.Errorf("it is %s, want finished", run.Status)
	}
}

// appendRecord writes a TFRecord.
func appendRecord(dst, data []byte) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(data)))
	dst = binary.LittleEndian.AppendUint32(dst, maskedCRC(dst[start:]))
	dst = append(dst, data...)
	return binary.LittleEndian.AppendUint32(dst, maskedCRC(data))
}

// appendScalar writes the record of an Event with one simple value.
func appendScalar(dst []byte, tag string, step int64, value float32) []byte {
	v := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
	v = protowire.AppendFixed32(protowire.AppendTag(v, 2, protowire.Fixed32Type), math.Float32bits(value))
	summary := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), v)
	e := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(1.7e9))
	e = protowire.AppendVarint(protowire.AppendTag(e, 2, protowire.VarintType), uint64(step))
	e = protowire.AppendBytes(protowire.AppendTag(e, 5, protowire.BytesType), summary)
	return appendRecord(dst, e)
}

// Files without events, and tags that no metric can have, keep nothing else out.
func TestTensorBoardOddFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(run string, content []byte) {
		t.Helper()
		check(t, os.MkdirAll(filepath.Join(dir, run), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, run, "events.out.tfevents.1700000000.vm"), content, 0o644))
	}
	write("empty", nil)
	write("long", appendScalar(nil, strings.Repeat("x", 5000), 0, 1))
	write("odd", appendScalar(appendScalar(appendScalar(nil, "", 0, 1), "a\xff", 0, 2), "loss", 3, 4))
	s := newStore(t)
	result, err := TensorBoard(context.Background(), s, dir, nil)
	if err == nil || !strings.Contains(err.Error(), "run long: ") {
		t.Errorf("a tag of 5000 bytes: %v, want an error that names its run", err)
	}
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, "without a tag have no place here: 1") {
		t.Errorf("notes are %q", notes)
	}
	for _, run := range allRuns(t, s) {
		if run.Name != "long" && (run.Ended.Before(run.Started) || run.Ended.Sub(run.Started) > time.Hour) {
			t.Errorf("run %s lasted from %v to %v", run.Name, run.Started, run.Ended)
		}
		if run.Name != "odd" {
			continue
		}
		if got := points(t, s, run.ID, "loss") + " " + points(t, s, run.ID, "a\ufffd"); got != "3:4 0:2" || run.Points != 2 {
			t.Errorf("points are %s, %d in all; want 3:4 and 0:2", got, run.Points)
		}
	}
}

func TestRecords(t *testing.T) {
	var file []byte
	file = appendRecord(file, []byte("one"))
	file = appendRecord(file, nil)
	first := len(file)
	file = appendRecord(file, bytes.Repeat([]byte("x"), 3_000_000))
	f := func(file []byte, want int, wantErr error) {
		t.Helper()
		var n int
		var last error
		for _, err := range records(bytes.NewReader(file)) {
			if last = err; err == nil {
				n++
			}
		}
		if n != want || !errors.Is(last, wantErr) {
			t.Errorf("of %d bytes: %d records and error %v, want %d and %v", len(file), n, last, want, wantErr)
		}
	}
	f(nil, 0, nil)
	f(file, 3, nil)
	f(file[:first], 2, nil)
	for _, cut := range []int{first + 1, first + 11, first + 12, first + 1000, len(file) - 1} {
		f(file[:cut], 2, errCutShort)
	}
	for _, at := range []int{first, first + 9, first + 12, len(file) - 1} {
		damaged := slices.Clone(file)
		damaged[at] ^= 4
		f(damaged, 2, errRecord)
	}
	huge := binary.LittleEndian.AppendUint64(nil, 1<<40)
	f(binary.LittleEndian.AppendUint32(huge, maskedCRC(huge)), 0, errRecord)
}

// FuzzEvent holds that no bytes make the reader of events panic.
func FuzzEvent(f *testing.F) {
	z, err := zip.OpenReader(filepath.Join("testdata", "tensorboard.zip"))
	if err != nil {
		f.Fatal(err)
	}
	defer z.Close()
	for _, entry := range z.File {
		file, err := entry.Open()
		if err != nil {
			f.Fatal(err)
		}
		for record, err := range records(file) {
			if err == nil {
				f.Add(slices.Clone(record))
			}
		}
		file.Close()
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := parseEvent(message, map[string]string{})
		if err == nil && len(e.scalars) > len(message) {
			t.Errorf("%d scalars in %d bytes", len(e.scalars), len(message))
		}
	})
}

func TestHalf(t *testing.T) {
	f := func(bits uint16, want float64) {
		t.Helper()
		if got := halfValue(bits); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	// IEEE 754-2019, binary16
	f(0x0000, 0)
	f(0x8000, math.Copysign(0, -1))
	f(0x0001, 0x1p-24)
	f(0x03ff, 0x1p-14-0x1p-24)
	f(0x0400, 0x1p-14)
	f(0x3c00, 1)
	f(0xc000, -2)
	f(0x3555, 0.333251953125)
	f(0x7bff, 65504)
	f(0x7c00, math.Inf(1))
	f(0xfc00, math.Inf(-1))
	f(0x7e00, math.NaN())
}
