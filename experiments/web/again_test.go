package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/store"
)

// page asks for a page of h until it contains text, or fails the test.
func pageWith(t *testing.T, h http.Handler, path, text string) string {
	t.Helper()
	var body string
	for range 200 {
		body = ask(t, h, "GET", path, "127.0.0.1", "").Body.String()
		if strings.Contains(body, text) {
			return body
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s never shows %q", path, text)
	return ""
}

func TestRunAgainFromItsPage(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err, w.End(store.Finished, ""))
	path := "/run/" + string(w.ID())
	goOn := make(chan error)
	started := 0
	h := New(s, Options{Again: func(ctx context.Context, id store.RunID, params map[string]string, out io.Writer) (string, error) {
		started++
		fmt.Fprintf(out, "building %s with %v\n<b>bold</b>\n", id, params)
		select {
		case err := <-goOn:
			return "Run x: identical.", err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}})
	post := func(want int, body string, headers ...string) {
		t.Helper()
		if got := ask(t, h, "POST", path, "127.0.0.1", body, headers...); got.Code != want {
			t.Errorf("%s answers %d, want %d: %.200s", body, got.Code, want, got.Body)
		}
	}
	post(403, "do=rerun", "Origin", "http://evil.example")
	post(400, "do=rerun&params=nonsense")
	if started != 0 {
		t.Fatalf("it was started %d times, want none", started)
	}
	post(303, "do=rerun&params="+url.QueryEscape("lr = 0.1\nname=a b"))
	body := pageWith(t, h, path, "building "+string(w.ID())+" with map[lr:0.1 name:a b]")
	for _, want := range []string{"&lt;b&gt;bold", "assay rerun " + string(w.ID()) + " -p lr=0.1 -p &#39;name=a b&#39;", `value="stop"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	post(400, "do=rerun") // one at a time
	goOn <- nil
	pageWith(t, h, path, "Run x: identical.")
	post(303, "do=rerun")
	pageWith(t, h, path, `value="stop"`)
	post(303, "do=stop")
	pageWith(t, h, path, "Context canceled.")

	readOnly := New(s, Options{ReadOnly: true, Again: func(context.Context, store.RunID, map[string]string, io.Writer) (string, error) {
		t.Error("a read-only page ran a run")
		return "", nil
	}})
	if got := ask(t, readOnly, "POST", path, "127.0.0.1", "do=rerun"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("a read-only page answers %d", got.Code)
	}
	if strings.Contains(ask(t, readOnly, "GET", path, "127.0.0.1", "").Body.String(), `value="rerun"`) {
		t.Error("a read-only page has the button")
	}
}

func TestOutputOfARerunIsItsEnd(t *testing.T) {
	all, one := &reruns{}, &rerunning{}
	out := rerunOutput{all, one}
	for i := range 10_000 {
		fmt.Fprintf(out, "line %d of a long output\n", i)
	}
	if len(one.Output) > outputMost || !strings.HasPrefix(one.Output, "line ") || !strings.HasSuffix(one.Output, "line 9999 of a long output\n") {
		t.Errorf("%d bytes from %.40q to %q", len(one.Output), one.Output, one.Output[len(one.Output)-40:])
	}
}

func TestRerunCommand(t *testing.T) {
	f := func(params map[string]string, want string) {
		t.Helper()
		if got := rerunCommand("k3", params); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(nil, "assay rerun k3")
	f(map[string]string{"b": "it's", "a": "1e-3"}, `assay rerun k3 -p a=1e-3 -p 'b=it'\''s'`)
	f(map[string]string{"x": "$(rm -rf ~)"}, `assay rerun k3 -p 'x=$(rm -rf ~)'`)
}

func TestOtherParams(t *testing.T) {
	got, err := otherParams("a=1\r\n\n b = x=y \n")
	if want := map[string]string{"a": "1", "b": "x=y"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := otherParams("=1"); err == nil {
		t.Error("a value without a name is a param")
	}
}

func TestNotebookIsShownInASandbox(t *testing.T) {
	s := openStore(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "n.ipynb")
	must(t, os.WriteFile(file, []byte(`{"cells":[
		{"cell_type":"markdown","id":"m","metadata":{},"source":"# Hearts"},
		{"cell_type":"code","id":"c","metadata":{},"execution_count":1,"source":"fmt.Println(1)",
		 "outputs":[{"output_type":"display_data","metadata":{},"data":{"text/html":"<script>document.title='ran'</script>"}}]}],
		"metadata":{},"nbformat":4,"nbformat_minor":5}`), 0o600))
	secret := filepath.Join(dir, "secret.txt")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	start := func(notebook string) string {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Origin: store.Origin{Notebook: notebook, Cell: "c", Source: "fmt.Println(1)"}})
		must(t, err, w.End(store.Finished, ""))
		return "/run/" + string(w.ID())
	}
	h := New(s, Options{})
	get := func(path string) *httptest.ResponseRecorder { return ask(t, h, "GET", path, "127.0.0.1", "") }
	run := start(file)
	if body := get(run).Body.String(); !strings.Contains(body, run+"/notebook") {
		t.Error("the run's page has no link to its notebook")
	}
	if got := get(run + "/notebook"); got.Code != 200 || !strings.Contains(got.Body.String(), `sandbox="allow-scripts"`) || strings.Contains(got.Body.String(), "document.title") {
		t.Errorf("the page around it: %d %.300s", got.Code, got.Body)
	}
	got := get(run + "/notebook.html")
	if policy := got.Header().Get("Content-Security-Policy"); got.Code != 200 || !strings.HasPrefix(policy, "sandbox allow-scripts; default-src 'none';") || strings.Contains(policy, "allow-same-origin") {
		t.Errorf("the notebook: %d, policy %q", got.Code, policy)
	}
	for _, want := range []string{"Hearts", "document.title"} {
		if !strings.Contains(got.Body.String(), want) {
			t.Errorf("the notebook lacks %q", want)
		}
	}
	for _, other := range []string{start(secret), start(filepath.Join(dir, "gone.ipynb")), start("")} {
		if got := get(other + "/notebook.html"); got.Code != http.StatusNotFound || strings.Contains(got.Body.String(), "secret\n") {
			t.Errorf("%s answers %d: %.200s", other, got.Code, got.Body)
		}
	}
}

func TestDeletingForGoodIsForTheTrash(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err, w.End(store.Finished, ""))
	h := New(s, Options{})
	body := "do=delete&run=" + string(w.ID())
	if got := ask(t, h, "POST", "/runs", "127.0.0.1", body); got.Code != http.StatusNotFound {
		t.Errorf("deleting a run outside the trash answers %d", got.Code)
	}
	must(t, s.Trash(t.Context(), w.ID()))
	if got := ask(t, h, "POST", "/runs", "127.0.0.1", body); got.Code != http.StatusSeeOther {
		t.Errorf("deleting answers %d: %.200s", got.Code, got.Body)
	}
	if _, err := s.Run(t.Context(), w.ID()); err == nil {
		t.Error("the run is still there")
	}
}

func TestTableHasColumnsAtASetStepAndPinned(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	_, body, _ := get(t, serve(t, s, Options{})+"/runs?experiment=pneumonia&col=started&col=at.100.loss&pin=at.100.loss&sort=at.100.loss")
	run, err := s.Series(t.Context(), ids[0], "loss")
	must(t, err)
	for _, want := range []string{`data-key="at.100.loss" class="n pin" aria-sort="ascending"`, fmt.Sprintf(`title="%v"`, run[100].Value)} {
		if !strings.Contains(body, want) {
			t.Errorf("the table lacks %s", want)
		}
	}
	if at, started := strings.Index(body, `data-key="at.100.loss"`), strings.Index(body, `data-key="started"`); at > started {
		t.Error("a column that stays in sight is not first")
	}
	if first := strings.Index(body, string(ids[0])); first > strings.Index(body, string(ids[5])) {
		t.Error("the run of the lowest loss at step 100 does not come first")
	}
}
