package data

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEverySetIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, set := range List() {
		if seen[set.Name] {
			t.Errorf("%s is there twice", set.Name)
		}
		seen[set.Name] = true
		if set.Task == "" || set.About == "" || set.Page == "" || set.Licence == "" || set.Cite == "" || len(set.Files) == 0 {
			t.Errorf("%s lacks something: %+v", set.Name, set)
		}
		for _, file := range set.Files {
			if !strings.HasPrefix(file.URL, "https://") || len(file.MD5) != 32 && len(file.SHA) != 64 {
				t.Errorf("%s: %+v", set.Name, file)
			}
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ASSAY_DATA", dir)
	t.Setenv("ASSAY_HOME", t.TempDir())
	if _, err := Find("pneumoniamnist"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "assay data get pneumoniamnist") {
		t.Errorf("nowhere: got error %v", err)
	}
	if _, err := Find("nosuch"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown: got error %v", err)
	}
	path := filepath.Join(dir, "image", "chest", "pneumoniamnist.npz")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("abc"), 0o666); err != nil {
		t.Fatal(err)
	}
	files, err := Find("pneumoniamnist")
	if err != nil {
		t.Fatal(err)
	}
	// printf abc | sha256sum
	want := File{Path: path, Size: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if len(files) != 1 || files[0] != want {
		t.Errorf("got %+v, want %+v", files, want)
	}

	// A table stands for the files that it holds, until they are there.
	for _, names := range [][]string{{"ade_v2.tsv.gz"}, {"DRUG-AE.rel", "ADE-NEG.txt"}} {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		files, err := Find("ade")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != len(names) || filepath.Base(files[0].Path) != names[0] {
			t.Errorf("ade: got %+v, want %q", files, names)
		}
	}
}

func TestGet(t *testing.T) {
	content := bytes.Repeat([]byte("film "), 100_000)
	sum := md5.Sum(content)
	var ranges []string
	breakAt := len(content) / 3 // the first answer stops here
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		if breakAt > 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(content[:breakAt])
			breakAt = 0
			return
		}
		http.ServeContent(w, r, "x.npz", time.Time{}, bytes.NewReader(content))
	}))
	defer server.Close()
	t.Setenv("ASSAY_DATA", "")
	t.Setenv("ASSAY_HOME", t.TempDir())
	kept := sets
	defer func() { sets = kept }()
	sets = []Set{{Name: "x", Files: []Remote{{Name: "x.npz", URL: server.URL, MD5: hex.EncodeToString(sum[:])}}}}

	if _, err := Get(context.Background(), "x", nil); err == nil || !strings.Contains(err.Error(), "run it again") {
		t.Fatalf("broken off: got error %v", err)
	}
	if _, err := Find("x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("half a file counts as found: %v", err)
	}
	var last, total int64
	files, err := Get(context.Background(), "x", func(_ string, done, all int64) { last, total = done, all })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(files[0].Path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file differs (%v)", err)
	}
	if last != int64(len(content)) || total != last {
		t.Errorf("progress ended at %d of %d, want %d", last, total, len(content))
	}
	if len(ranges) != 2 || ranges[1] != fmt.Sprintf("bytes=%d-", len(content)/3) {
		t.Errorf("asked for %q: the second should continue the first", ranges)
	}
	if _, err := Get(context.Background(), "x", nil); err != nil || len(ranges) != 2 {
		t.Errorf("a third Get asked again (%v)", err)
	}

	os.Remove(files[0].Path)
	sets[0].Files[0].MD5 = strings.Repeat("0", 32)
	if _, err := Get(context.Background(), "x", nil); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong checksum: got error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(files[0].Path), "*")); len(left) != 0 {
		t.Errorf("what is wrong was left: %q", left)
	}
	server.Close()
	if _, err := Get(context.Background(), "x", nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("offline: got error %v", err)
	}
}
