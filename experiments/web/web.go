// Package web is assay's pages: experiments, runs, comparison. Pages are HTML
// made on the server and can be read without scripts; with scripts, charts come
// to life and pages follow runs as they train. The same templates write files
// that open from disk without a server (WriteExperiment, WriteCompare, WriteRun,
// WriteCard).
//
// It reads the store and draws with charts. It knows nothing of how runs come to
// be.
//
//	s, err := store.Open(path)
//	err = web.Serve(ctx, s, web.Options{Addr: "127.0.0.1:7070", Open: true})
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/assay-ml/assay/store"
)

// Options say where and how to serve. The zero value serves on
// 127.0.0.1:7070 and lets the user edit.
type Options struct {
	Addr     string // host:port; "" means 127.0.0.1:7070
	Open     bool   // open the pages in the browser
	ReadOnly bool   // no notes, tags or trash
	Token    string // wanted of every request; "" means none on loopback, a random one elsewhere
	Again    Again  // runs a run again from its page; nil, or pages that others reach, have no button for it
}

// server is the pages of one store.
type server struct {
	store *store.Store
	Options
	ctx    context.Context // that reruns live in
	reruns reruns
}

// New returns a handler for the pages of s. It answers requests that were sent
// to a loopback address, and with o.Token those that bring it.
func New(s *store.Store, o Options) http.Handler {
	return (&server{store: s, Options: o, ctx: context.Background()}).handler()
}

func (srv *server) handler() http.Handler {
	if srv.ReadOnly {
		srv.Again = nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", srv.page(srv.experiments))
	mux.HandleFunc("GET /runs", srv.page(srv.runs))
	mux.HandleFunc("GET /runs.csv", srv.runsCSV)
	mux.HandleFunc("GET /run/{id}", srv.page(srv.run))
	mux.HandleFunc("GET /run/{id}/notebook", srv.page(srv.notebook))
	mux.HandleFunc("GET /run/{id}/notebook.html", srv.notebookFile)
	mux.HandleFunc("GET /run/{id}/card", srv.page(srv.card))
	mux.HandleFunc("GET /run/{id}/card.html", srv.cardFile)
	mux.HandleFunc("GET /run/{id}/artifact/{name...}", srv.artifact)
	mux.HandleFunc("GET /compare", srv.page(srv.compare))
	mux.HandleFunc("GET /leaderboard", srv.page(srv.leaderboard))
	mux.HandleFunc("GET /explore", srv.page(srv.explore))
	mux.HandleFunc("GET /export", srv.export)
	mux.HandleFunc("GET /figure", srv.figure)
	mux.HandleFunc("GET /events", srv.events)
	mux.HandleFunc("GET /static/{name}", static)
	srv.api(mux)
	if !srv.ReadOnly {
		mux.HandleFunc("POST /runs", srv.editRuns)
		mux.HandleFunc("POST /run/{id}", srv.editRun)
	}
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		srv.fail(w, r, fmt.Errorf("page %s: %w", r.URL.Path, store.ErrNotFound))
	})
	return srv.guard(mux)
}

// heapLimit is where the collector begins to work harder, in bytes.
const heapLimit = 36 << 20

// Serve serves the pages of s until ctx is done, and says on stderr where.
func Serve(ctx context.Context, s *store.Store, o Options) error {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:7070"
	}
	listener, err := net.Listen("tcp", o.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: stop the program that listens there, or name another address with --addr %s", o.Addr, nextPort(o.Addr))
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", o.Addr, err)
	}
	address := listener.Addr().(*net.TCPAddr)
	home := url.URL{Scheme: "http", Host: address.String(), Path: "/"}
	if address.IP.IsUnspecified() {
		home.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(address.Port))
	}
	if o.Token == "" && !address.IP.IsLoopback() {
		o.Token = rand.Text()
	}
	if o.Token != "" {
		home.RawQuery = url.Values{"token": {o.Token}}.Encode()
	}
	if !address.IP.IsLoopback() {
		o.Again = nil // whoever has the token may read and write notes, not run programs
	}
	fmt.Fprintf(os.Stderr, "assay's pages of %s are at %s (Ctrl-C ends)\n", s.Path(), &home)
	if o.Open {
		if err := openBrowser(home.String()); err != nil {
			fmt.Fprintf(os.Stderr, "no browser could be opened (%v): open the address above\n", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	srv := &server{store: s, Options: o, ctx: ctx}
	defer srv.reruns.ending.Wait()
	defer cancel() // before that: reruns end with the pages
	h := &http.Server{
		Handler:           srv.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends event streams
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		// Pages of many runs leave much behind them: collect it rather than grow.
		debug.SetMemoryLimit(heapLimit)
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("pages: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := h.Shutdown(late); err != nil {
		h.Close()
	}
	<-done
	return nil
}

// nextPort suggests the address with the next port.
func nextPort(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil || n >= 65535 {
		return "127.0.0.1:0"
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1))
}

func openBrowser(url string) error {
	switch runtime.GOOS {
	case "darwin":
		return exec.Command("open", url).Start()
	case "windows":
		return exec.Command("rundll32", "url.dll,FileProtocolHandler", url).Start()
	}
	return exec.Command("xdg-open", url).Start()
}
