package data

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-ml/assay/home"
)

// Get returns the files of the set called name, and fetches into assay's data
// folder what is not on this machine yet. progress, if not nil, is told how
// many bytes of a file are there, and of how many, 0 if that is not known.
//
// A download that breaks off is continued by the next Get. A file appears
// under its name only once its checksum is that of the catalogue.
func Get(ctx context.Context, name string, progress func(file string, done, total int64)) ([]File, error) {
	files, err := Find(name)
	if !errors.Is(err, ErrNotFound) {
		return files, err
	}
	set, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	own, err := home.Sub("data", name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(own, 0o777); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	var paths []string
	for _, remote := range set.Files {
		path := filepath.Join(own, remote.Name)
		paths = append(paths, path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		report := func(done, total int64) {
			if progress != nil {
				progress(remote.Name, done, total)
			}
		}
		if err := fetch(ctx, remote, path, report); err != nil {
			return nil, fmt.Errorf("data set %s: %w", name, err)
		}
	}
	return Stat(paths...)
}

// fetch downloads remote to path by way of path.part.
func fetch(ctx context.Context, remote Remote, path string, report func(done, total int64)) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := download(ctx, remote.URL, f, have, report); err != nil {
		return err
	}
	if err := remote.check(f); err != nil {
		return errors.Join(err, os.Remove(part)) // else the next try would continue what is wrong
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// client gives up on servers that do not answer; a slow download may go on.
var client = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
	TLSHandshakeTimeout:   15 * time.Second,
	ResponseHeaderTimeout: 60 * time.Second,
}}

// download appends what url has beyond the first have bytes to f.
func download(ctx context.Context, url string, f *os.File, have int64, report func(done, total int64)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	response, err := client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s cannot be reached (%w): fetch it where there is a network, and put it in a folder that ASSAY_DATA names", url, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK: // from the start, whatever was asked
		if have, err = 0, f.Truncate(0); err != nil {
			return err
		}
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable: // there is nothing beyond: the checksum decides
		return nil
	default:
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	total := int64(0)
	if response.ContentLength > 0 {
		total = have + response.ContentLength
	}
	body := &counted{response.Body, have, func(done int64) { report(done, total) }}
	if _, err := io.Copy(f, body); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s broke off after %d bytes (%w): run it again to continue", url, body.done, err)
	}
	return nil
}

// counted tells how far a reader has come.
type counted struct {
	io.Reader
	done int64
	tell func(done int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.done += int64(n)
	c.tell(c.done)
	return n, err
}

// check compares the file with the checksum that its publisher states.
func (r Remote) check(f io.ReadSeeker) error {
	sum, want := hash.Hash(sha256.New()), r.SHA
	if want == "" {
		sum, want = md5.New(), r.MD5
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s has checksum %s, not %s as published: it was damaged on the way, or has changed", r.URL, got, want)
	}
	return nil
}
