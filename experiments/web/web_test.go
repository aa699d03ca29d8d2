package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/assay-ml/assay/store"
)

// serve serves the pages of s and returns their address.
func serve(t testing.TB, s *store.Store, o Options) string {
	t.Helper()
	server := httptest.NewServer(New(s, o))
	t.Cleanup(server.Close)
	return server.URL
}

func get(t testing.TB, url string) (code int, body string, header http.Header) {
	t.Helper()
	answer, err := http.Get(url)
	must(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(b), answer.Header
}

func TestPagesSayWhatIsRecorded(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	home := serve(t, s, Options{})
	f := func(path string, wants ...string) {
		t.Helper()
		code, body, _ := get(t, home+path)
		if code != http.StatusOK {
			t.Fatalf("%s answers %d: %s", path, code, body)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", path, want)
			}
		}
	}
	f("/", "pneumonia", "failed")
	f("/runs?experiment=pneumonia", "learning_rate", "test.auc", "1–8 of 8", `aria-label="Choose`)
	f("/runs?q=param.dropout+%3D+0.5", "1–1 of 1")
	f("/runs?sort=-metric.test.auc", `aria-sort="descending"`)
	f("/runs?group=param.learning_rate", "By <bdi>learning_rate</bdi>", "±")
	f("/run/"+string(ids[2]), "Best so far", "notebooks/imaging.ipynb", "assay rerun "+string(ids[2]), "pneumoniamnist.npz", `<span class="c1">`, "sensitivity", "checkpoint.bin", "0.9394 – 0.9704")
	f("/run/"+string(ids[7]), "lower LearningRate (0.3)", "100 not finite")
	f(fmt.Sprintf("/compare?run=%s&run=%s", ids[0], ids[1]), "learning_rate", "removed", "added", "ROC, test")
	f("/leaderboard?experiment=pneumonia&metric=test.auc", "higher is better")
	f("/leaderboard?metric=loss", "lower is better")
	f("/explore?experiment=pneumonia&metric=none", "<option selected>test.auc", "7 runs have it")
	f("/explore?experiment=pneumonia&metric=test.auc", "7 runs have it", "rank correlation", `data-figure="parallel"`)
	f(fmt.Sprintf("/compare?bands=1&run=%s&run=%s&run=%s&run=%s", ids[4], ids[5], ids[6], ids[1]), "lr 0.0003, 3 runs")
	f("/run/"+string(ids[2])+"/card", "triage only", "By site")
	f("/run/"+string(ids[7])+"/card", "intended use and limits: write them")
}

func TestWrongQueryIsShownUnderItsMistake(t *testing.T) {
	s := openStore(t)
	fill(t, s)
	home := serve(t, s, Options{})
	_, body, _ := get(t, home+"/runs?q="+url.QueryEscape("metric.loss >> 2"))
	if want := "metric.loss &gt;&gt; 2\n             ^\n"; !strings.Contains(body, want) {
		t.Errorf("no caret under the second > in:\n%s", body)
	}
	for _, path := range []string{"/runs.csv?q=%28", "/api/runs?where=%28", "/api/runs?limit=x", "/api/runs?limit=0", "/compare", "/run/a1/nothing", "/compare?run=zz"} {
		if code, _, _ := get(t, home+path); code != http.StatusBadRequest && code != http.StatusNotFound {
			t.Errorf("%s answers %d, want 400 or 404", path, code)
		}
	}
}

// names that try to leave where they stand.
var nasty = []string{
	"<script>alert(1)</script>",
	"</script><script>alert(1)</script>",
	`"><img src=x onerror=alert(1)>`,
	"'onmouseover='alert(1)",
	"\u202egnp.exe\u2066\u2028\u0000",
	"{{.}}${alert(1)}`",
	"javascript:alert(1)",
	"../../etc/passwd",
	strings.Repeat("long", 2500), // 10 KB
	"ünï·çødé 🫁 خلیه",
}

func TestNamesAreText(t *testing.T) {
	s := openStore(t)
	var ids []store.RunID
	for _, name := range nasty {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: name, Name: name, Group: name, Tags: map[string]string{"k": name},
			Origin: store.Origin{Notebook: name, Source: name}, Env: map[string]string{"e": name}})
		must(t, err)
		must(t, w.Params(map[string]store.Value{"p" + name: name}))
		metric := name[:min(len(name), 200)]
		must(t, w.Step(1, []string{metric}, []float64{1}), w.Step(2, []string{metric}, []float64{2}))
		must(t, w.Note(name+"\n\n[x](javascript:alert(1)) <svg onload=alert(1)>"))
		must(t, w.Output("stdout", name))
		must(t, w.Figure(store.Figure{ID: name, Title: name, Alt: name, Option: json.RawMessage(`{"series":[]}`)}))
		must(t, w.End(store.Failed, name))
		ids = append(ids, w.ID())
	}
	home := serve(t, s, Options{})
	q := url.Values{}
	for _, id := range ids {
		q.Add("run", string(id))
	}
	paths := []string{"/", "/runs", "/runs?differ=1", "/leaderboard", "/explore", "/compare?all=1&" + q.Encode(), "/export?" + q.Encode()}
	for i, id := range ids {
		paths = append(paths, "/run/"+string(id), "/run/"+string(id)+"/card",
			"/runs?"+url.Values{"experiment": {nasty[i]}, "q": {nasty[i]}, "sort": {nasty[i]}, "group": {nasty[i]}, "col": {nasty[i]}, "pin": {nasty[i]}, "w": {nasty[i]}}.Encode(),
			"/export?"+url.Values{"experiment": {nasty[i]}}.Encode())
	}
	for _, path := range paths {
		code, body, _ := get(t, home+path)
		if code != http.StatusOK {
			t.Errorf("%.80s answers %d", path, code)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", "<svg onload", `href="javascript:`} {
			if i := strings.Index(body, bad); i >= 0 {
				t.Errorf("%.80s contains %s: …%s…", path, bad, body[max(i-60, 0):i+40])
			}
		}
	}
}

func TestArtifactsRunInASandboxAndPathsStayInside(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	evil := "<script>parent.alert(1)</script>"
	for _, a := range [][2]string{{"page.html", "text/html"}, {"a b/ü.svg", "image/svg+xml"}, {"log.txt", "text/plain"}, {"x.png", "image/png"}} {
		_, err := w.Artifact(t.Context(), a[0], a[1], strings.NewReader(evil))
		must(t, err)
	}
	must(t, w.End(store.Finished, ""))
	home := serve(t, s, Options{}) + "/run/" + string(w.ID()) + "/artifact/"
	f := func(name, wantType, wantDisposition string) {
		t.Helper()
		code, body, h := get(t, home+name)
		if code != http.StatusOK || body != evil {
			t.Errorf("%s: %d %q", name, code, body)
		}
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox;") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s is not in a sandbox: %v", name, h)
		}
		if h.Get("Content-Type") != wantType || !strings.HasPrefix(h.Get("Content-Disposition"), wantDisposition) {
			t.Errorf("%s: %q %q, want %q %q", name, h.Get("Content-Type"), h.Get("Content-Disposition"), wantType, wantDisposition)
		}
	}
	f("page.html", "application/octet-stream", "attachment")
	f("a%20b/%C3%BC.svg", "application/octet-stream", "attachment")
	f("log.txt", "text/plain; charset=utf-8", "inline")
	f("log.txt?download=1", "application/octet-stream", "attachment")
	f("x.png", "image/png", "inline")
	for _, name := range []string{"..%2f..%2f..%2fetc%2fpasswd", "../../../etc/passwd", "%2fetc%2fpasswd", "log.txt%00", "nothing"} {
		if code, body, _ := get(t, home+name); code == http.StatusOK && strings.Contains(body, "root:") || code == http.StatusInternalServerError {
			t.Errorf("%s answers %d: %.80s", name, code, body)
		}
	}
	base := strings.TrimSuffix(home, "/run/"+string(w.ID())+"/artifact/")
	for _, path := range []string{"/static/..%2fweb.go", "/static/../web.go", "/static/nothing.js"} {
		if code, _, _ := get(t, base+path); code != http.StatusNotFound {
			t.Errorf("%s answers %d, want 404", path, code)
		}
	}
}

// ask sends a request with another Host and headers.
func ask(t *testing.T, h http.Handler, method, target, host, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = host
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOtherSitesAreKeptOut(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err, w.End(store.Finished, ""))
	run := "/run/" + string(w.ID())
	h := New(s, Options{})
	f := func(want int, method, host string, headers ...string) {
		t.Helper()
		body := ""
		if method == "POST" {
			body = "do=note&note=hello"
		}
		if got := ask(t, h, method, run, host, body, headers...); got.Code != want {
			t.Errorf("%s for %s with %v answers %d, want %d", method, host, headers, got.Code, want)
		}
	}
	f(200, "GET", "127.0.0.1:7070")
	f(200, "GET", "localhost:7070")
	f(200, "GET", "[::1]:7070")
	f(421, "GET", "evil.example") // its name leads to 127.0.0.1
	f(421, "GET", "127.0.0.1.evil.example:7070")
	f(421, "GET", "192.168.1.2:7070")
	f(421, "GET", "")
	f(303, "POST", "127.0.0.1:7070", "Origin", "http://127.0.0.1:7070")
	f(303, "POST", "127.0.0.1:7070", "Sec-Fetch-Site", "same-origin")
	f(403, "POST", "127.0.0.1:7070", "Origin", "http://evil.example")
	f(403, "POST", "127.0.0.1:7070", "Origin", "null")
	f(403, "POST", "127.0.0.1:7070", "Sec-Fetch-Site", "cross-site")
	f(405, "DELETE", "127.0.0.1:7070")

	readOnly := New(s, Options{ReadOnly: true})
	if got := ask(t, readOnly, "POST", run, "127.0.0.1", "do=note&note=x"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("a read-only server answers a change with %d", got.Code)
	}
	if got := ask(t, readOnly, "GET", run, "127.0.0.1", ""); strings.Contains(got.Body.String(), `method="post"`) {
		t.Error("a read-only page has a form that changes something")
	}
	note, err := s.Run(t.Context(), w.ID())
	must(t, err)
	if note.Note != "hello" {
		t.Errorf("note %q", note.Note)
	}
}

func TestToken(t *testing.T) {
	h := New(openStore(t), Options{Token: "s3cret"})
	if got := ask(t, h, "GET", "/", "box.local:7070", ""); got.Code != http.StatusUnauthorized {
		t.Errorf("without the token: %d", got.Code)
	}
	if got := ask(t, h, "GET", "/?token=wrong", "box.local:7070", ""); got.Code != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", got.Code)
	}
	got := ask(t, h, "GET", "/runs?token=s3cret&sort=name", "box.local:7070", "")
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/runs?sort=name" {
		t.Fatalf("with the token: %d to %q", got.Code, got.Header().Get("Location"))
	}
	cookie := got.Header().Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q is not %s", cookie, want)
		}
	}
	if got := ask(t, h, "GET", "/", "box.local:7070", "", "Cookie", strings.Split(cookie, ";")[0]); got.Code != http.StatusOK {
		t.Errorf("with the cookie: %d", got.Code)
	}
	// A server beside it leaves its cookie alone.
	beside := ask(t, New(openStore(t), Options{Token: "other"}), "GET", "/?token=other", "box.local:7071", "").Header().Get("Set-Cookie")
	if name, _, _ := strings.Cut(beside, "="); strings.HasPrefix(cookie, name+"=") {
		t.Errorf("%q takes the place of %q", beside, cookie)
	}
	if got := ask(t, h, "GET", "/api/runs", "box.local:7070", "", "Authorization", "Bearer s3cret"); got.Code != http.StatusOK {
		t.Errorf("with the token as bearer: %d", got.Code)
	}
}

func TestPolicyAllowsNoInlineScript(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	home := serve(t, s, Options{})
	_, body, h := get(t, home+"/run/"+string(ids[1]))
	if got := h.Get("Content-Security-Policy"); !strings.Contains(got, "script-src 'self';") || strings.Contains(got, "unsafe") {
		t.Errorf("policy %q", got)
	}
	// What the policy forbids would be missing on the page.
	for _, inline := range []string{"<script>", " style=", " onclick=", " onload=", "<style"} {
		if strings.Contains(body, inline) {
			t.Errorf("the page has %q, which its policy forbids", inline)
		}
	}
}

func TestCSVKeepsDigitsAndRunsNoFormula(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Name: "=HYPERLINK(1)"})
	must(t, err, w.Step(1, []string{"m"}, []float64{1.0 / 3}), w.Params(map[string]store.Value{"a": "-cmd|x", "b": -1e-3}), w.End(store.Finished, ""))
	_, body, _ := get(t, serve(t, s, Options{})+"/runs.csv?col=metric.m&col=param.a&col=param.b")
	if want := "id,name,status,metric.m,param.a,param.b\n" + string(w.ID()) + ",'=HYPERLINK(1),finished,0.3333333333333333,'-cmd|x,-0.001\n"; body != want {
		t.Errorf("csv %q, want %q", body, want)
	}
}

func TestAPI(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	home := serve(t, s, Options{})
	var page struct {
		Runs  []Run
		Total int
	}
	decode := func(path string, v any) {
		t.Helper()
		code, body, h := get(t, home+path)
		if code != http.StatusOK || h.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %s %.200s", path, code, h.Get("Content-Type"), body)
		}
		must(t, json.Unmarshal([]byte(body), v))
	}
	decode("/api/runs?where="+url.QueryEscape("status = finished")+"&sort=-metric.test.auc&limit=2", &page)
	if page.Total != 7 || len(page.Runs) != 2 || page.Runs[0].ID != ids[3] {
		t.Errorf("found %d runs, %d on the page, first %v; want 7, 2, %s", page.Total, len(page.Runs), page.Runs, ids[3])
	}
	var failed Run
	decode("/api/runs/"+string(ids[7]), &failed)
	if loss := failed.Metrics["loss"]; !math.IsNaN(float64(loss.Last)) || loss.Step != 400 {
		t.Errorf("loss of the failed run ends with %v at %d, want NaN at 400", loss.Last, loss.Step)
	}
	var cut []bucket
	decode("/api/runs/"+string(ids[0])+"/metrics/loss?buckets=10&from=100&to=499", &cut)
	var points int64
	for _, b := range cut {
		points += b.Count
	}
	if points != 400 || len(cut) > 10 {
		t.Errorf("%d points in %d buckets, want 400 in at most 10", points, len(cut))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	decode("/api/openapi.json", &doc)
	for path := range doc.Paths {
		path = strings.NewReplacer("{id}", string(ids[0]), "{name}", "loss").Replace(path)
		if code, body, _ := get(t, home+path); code != http.StatusOK {
			t.Errorf("the document names %s, which answers %d: %s", path, code, body)
		}
	}
	code, body, _ := get(t, home+"/api/runs/zzz")
	var problem apiError
	must(t, json.Unmarshal([]byte(body), &problem))
	if code != http.StatusNotFound || problem.Error == "" {
		t.Errorf("an unknown run answers %d %s", code, body)
	}
}

func TestComparisonFileNeedsNoNetwork(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	var b bytes.Buffer
	must(t, WriteCompare(t.Context(), &b, s, ids[:3], false))
	html := b.String()
	for _, bad := range []string{` src="/`, ` href="/`, ` src="http`, "<form", "<link"} {
		if strings.Contains(html, bad) {
			t.Errorf("the file contains %q", bad)
		}
	}
	for _, want := range []string{"learning_rate", "ROC, test", "data:image/svg"} {
		if !strings.Contains(html, want) {
			t.Errorf("the file lacks %q", want)
		}
	}
	must(t, WriteRun(t.Context(), io.Discard, s, ids[2]), WriteCard(t.Context(), io.Discard, s, ids[2]))
	if !strings.Contains(html, "data:image/png;base64,") {
		t.Error("the file lacks the runs' pictures")
	}
}

func TestExperimentFileHasTheBestFirst(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	var b bytes.Buffer
	must(t, WriteExperiment(t.Context(), &b, s, "pneumonia", true))
	html := b.String()
	for _, bad := range []string{` src="/`, ` href="/`, ` src="http`, "<form", "<link"} {
		if strings.Contains(html, bad) {
			t.Errorf("the file contains %q", bad)
		}
	}
	best, other := strings.Index(html, string(ids[3])), strings.Index(html, string(ids[0]))
	if best < 0 || other < best {
		t.Errorf("the best run stands at %d, another at %d", best, other)
	}
	for _, want := range []string{"What it depends on", "ROC, test", "lr 0.001, 3 runs", `href="` + string(ids[3]) + `.html"`} {
		if !strings.Contains(html, want) {
			t.Errorf("the file lacks %q", want)
		}
	}
	if err := WriteExperiment(t.Context(), io.Discard, s, "none", false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an experiment that is not there: %v", err)
	}
	if code, _, h := get(t, serve(t, s, Options{})+"/export?experiment=pneumonia"); code != 200 || !strings.Contains(h.Get("Content-Disposition"), "experiment.html") {
		t.Errorf("the page's button: %d %v", code, h)
	}
}

// A long run shows how far it is before it has done a hundredth.
func TestProgressIsShownFromTheStart(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err, w.Progress(1, 1000), w.Sync())
	if _, body, _ := get(t, serve(t, s, Options{})+"/run/"+string(w.ID())); !strings.Contains(body, `<progress value="1" max="1000"`) || !strings.Contains(body, "0 %") {
		t.Error("a run that has begun shows no progress")
	}
	must(t, w.End(store.Finished, ""))
}

func TestEventsTellOfAPointWithinASecond(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	must(t, w.Step(1, []string{"loss"}, []float64{0.5}))
	answer, err := http.Get(serve(t, s, Options{}) + "/events")
	must(t, err)
	defer answer.Body.Close()
	lines := make(chan string)
	go func() {
		defer close(lines)
		var b [4096]byte
		for {
			n, err := answer.Body.Read(b[:])
			if n > 0 {
				lines <- string(b[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	<-lines // hello
	time.Sleep(400 * time.Millisecond)
	drained := false
	for !drained { // what the first step caused
		select {
		case <-lines:
		case <-time.After(400 * time.Millisecond):
			drained = true
		}
	}
	logged := time.Now()
	must(t, w.Step(2, []string{"loss"}, []float64{0.4}))
	select {
	case got := <-lines:
		if !strings.Contains(got, "event: change") {
			t.Errorf("the stream says %q", got)
		}
		t.Logf("told after %v", time.Since(logged))
	case <-time.After(time.Second):
		t.Error("no event within a second")
	}
	must(t, w.End(store.Finished, ""))
}

func TestPortInUseIsOneSentence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	err = Serve(t.Context(), openStore(t), Options{Addr: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "is in use: stop the program") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestTemplatesParse(t *testing.T) {
	files, err := fs.Glob(templateFiles, "templates/*.html")
	must(t, err)
	for _, file := range files {
		if name := strings.TrimSuffix(path.Base(file), ".html"); name != "layout" && name != "parts" {
			if templateOf(name).Lookup("content") == nil {
				t.Errorf("%s has no content", file)
			}
		}
	}
}

// The page of a run that has parts sums them up, in order of the report, and leads
// to their comparison.
func TestRunShowsItsParts(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	start := func(r store.NewRun) *store.Writer {
		t.Helper()
		w, err := s.Start(ctx, r)
		must(t, err)
		return w
	}
	parent := start(store.NewRun{Experiment: "search"})
	var parts []string
	for i, auc := range []float64{0.7, 0.8} {
		w := start(store.NewRun{Experiment: "fold", Name: fmt.Sprintf("fold %d", i+1), Parent: parent.ID()})
		must(t, w.Report("test", []byte(`{"name":"test","metrics":[{"name":"recall","value":0.5},{"name":"auc","value":0.8}]}`)),
			w.Summary("test.auc", auc, auc, auc), w.Summary("test.recall", 0.5, 0.5, 0.5), w.End(store.Finished, ""))
		parts = append(parts, "run="+string(w.ID()))
	}
	must(t, s.Archive(ctx, store.RunID(strings.TrimPrefix(parts[0], "run=")), true)) // it stays a part
	must(t, parent.End(store.Finished, ""))
	_, body, _ := get(t, serve(t, s, Options{})+"/run/"+string(parent.ID()))
	for _, want := range []string{"fold 1", `<th scope="col" class="n">test.recall</th><th scope="col" class="n">test.auc</th>`,
		`<td class="n strong">0.8000</td>`, `<td class="n">0.7000</td>`, "/compare?" + strings.Join(parts, "&amp;")} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTableSortsBySeveral(t *testing.T) {
	s := openStore(t)
	for i, values := range [][2]float64{{1, 1}, {2, 5}, {1, 3}} {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Name: fmt.Sprint("run ", i)})
		must(t, err, w.Params(map[string]store.Value{"a": values[0]}), w.Summary("b", values[1], math.NaN(), math.NaN()), w.End(store.Finished, ""))
	}
	_, body, _ := get(t, serve(t, s, Options{})+"/runs?sort=param.a&sort=-metric.b&col=param.a&col=metric.b")
	first, second, third := strings.Index(body, "Choose run 2"), strings.Index(body, "Choose run 0"), strings.Index(body, "Choose run 1")
	if !(0 < first && first < second && second < third) {
		t.Errorf("runs 2, 0, 1 stand at %d, %d, %d", first, second, third)
	}
	for _, want := range []string{`data-key="param.a" data-groups class="n" aria-sort="ascending"`, `data-key="metric.b" class="n" aria-sort="descending"`, "↓<sub>2</sub>",
		`data-then="/runs?col=param.a&amp;col=metric.b&amp;sort=param.a&amp;sort=metric.b"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the table lacks %q", want)
		}
	}
}

// The best of a page is not the best of the table, so it is not marked; and what
// needs no number has no best.
func TestBestIsTheBestOfAll(t *testing.T) {
	s := openStore(t)
	record := func(n int) {
		for i := range n {
			w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
			must(t, err, w.Summary("test.auc", float64(i), math.NaN(), math.NaN()), w.Summary("test.prevalence", float64(i), math.NaN(), math.NaN()), w.End(store.Finished, ""))
		}
	}
	home := serve(t, s, Options{})
	f := func(want int) {
		t.Helper()
		_, body, _ := get(t, home+"/runs")
		if got := strings.Count(body, `<td class="n best"`); got != want {
			t.Errorf("%d cells are marked as best, want %d", got, want)
		}
	}
	record(3)
	f(1) // the AUC, not the prevalence
	record(runsPerPage)
	f(0)
}

func TestWrongQueryKeepsThePage(t *testing.T) {
	s := openStore(t)
	for range 2*runsPerPage + 1 {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
		must(t, err, w.End(store.Finished, ""))
	}
	home := serve(t, s, Options{})
	for _, address := range []string{"/runs?page=2&q=((", "/runs?page=2&sort=(("} {
		_, body, _ := get(t, home+address)
		if !strings.Contains(body, "101–200 of 201") || !strings.Contains(body, "page=3") || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s does not show runs 101 to 200 with the mistake and the way to the next", address)
		}
	}
	if code, body, _ := get(t, home+"/runs?page=99999999999999999"); code != 200 || !strings.Contains(body, "no runs") {
		t.Errorf("a page beyond the last answers %d", code)
	}
}

// A run's file stands alone: it leads nowhere.
func TestRunFileHasNoLinks(t *testing.T) {
	s := openStore(t)
	start := func(r store.NewRun) *store.Writer {
		t.Helper()
		r.Experiment = "e"
		w, err := s.Start(t.Context(), r)
		must(t, err)
		return w
	}
	parent := start(store.NewRun{Name: "search"})
	first := start(store.NewRun{Name: "first", Parent: parent.ID()})
	again := start(store.NewRun{Name: "again", RerunOf: first.ID(), Parent: parent.ID()})
	must(t, again.End(store.Finished, ""), first.End(store.Finished, ""), parent.End(store.Finished, ""))
	for id, wants := range map[store.RunID][]string{parent.ID(): {"first", "again"}, first.ID(): {"search", "again"}, again.ID(): {"search", "first"}} {
		var b bytes.Buffer
		must(t, WriteRun(t.Context(), &b, s, id))
		for _, want := range wants {
			if !strings.Contains(b.String(), ">"+want+"</bdi>") {
				t.Errorf("the file of %s does not name %s", id, want)
			}
		}
		if i := strings.Index(b.String(), ` href="/`); i >= 0 {
			t.Errorf("the file of %s leads to %.60s", id, b.String()[i:])
		}
	}
}

// Whatever an artifact is called, its page leads to it.
func TestArtifactsOfAnyNameAreReached(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	names := []string{"a?b#c.png", "100%.txt", "x y/é.csv", "a/../b.txt", "%2e%2e/enc.txt", "c:\\d.txt", "<b>.png"}
	for _, name := range names {
		_, err := w.Artifact(t.Context(), name, "text/plain", strings.NewReader(name))
		must(t, err)
	}
	must(t, w.End(store.Finished, ""))
	home := serve(t, s, Options{})
	_, body, _ := get(t, home+"/run/"+string(w.ID()))
	found := regexp.MustCompile(`<th scope="row"><a href="(/run/[^"]*/artifact/[^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(found) != len(names) {
		t.Fatalf("%d links, want %d", len(found), len(names))
	}
	for i, link := range found {
		address := html.UnescapeString(link[1])
		code, body, h := get(t, home+address)
		if code != http.StatusOK || body != names[i] {
			t.Errorf("%s leads to %d %q", address, code, body)
		}
		r, err := http.NewRequest("GET", home+address, nil)
		must(t, err)
		r.Header.Set("If-None-Match", h.Get("ETag"))
		answer, err := http.DefaultClient.Do(r)
		must(t, err, answer.Body.Close())
		if answer.StatusCode != http.StatusNotModified {
			t.Errorf("what a browser has is sent again: %d", answer.StatusCode)
		}
	}
}

// A report that does not fit together is said to be so, and the rest of the page is
// there.
func TestReportThatDoesNotFit(t *testing.T) {
	s := openStore(t)
	home := serve(t, s, Options{})
	for _, report := range []string{
		`{"name":"test","curves":[{"kind":"roc","label":"a","x":[0,0.5,1],"y":[0,1]}]}`,
		`{"name":"test","curves":[{"kind":"survival","label":"a","x":[0,1],"y":[1,0.5],"low":[1],"high":[1]}]}`,
		`{"name":"test","tables":[{"kind":"confusion","title":"Confusion","columns":["true","a"],"rows":[[]]}]}`,
		`{"name":"test","tables":[{"kind":"confusion","title":"Confusion","columns":["true"],"rows":[["a","1"]]}]}`,
		`[1,2,3]`,
	} {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
		must(t, err, w.Params(map[string]store.Value{"learning_rate": 0.1}), w.Report("test", []byte(report)), w.End(store.Finished, ""))
		code, body, _ := get(t, home+"/run/"+string(w.ID()))
		if code != http.StatusOK || !strings.Contains(body, "Report test: ") || !strings.Contains(body, "learning_rate") {
			t.Errorf("%s: the run's page answers %d without the report's mistake, or without the rest", report, code)
		}
	}
}

func TestRunIsRenamedAndLongFormsAreRefused(t *testing.T) {
	s := openStore(t)
	var ids []store.RunID
	for _, id := range []store.RunID{"aaaaaaaaa1", "aaaaaaaaa2"} {
		w, err := s.Start(t.Context(), store.NewRun{ID: id, Experiment: "e"})
		must(t, err, w.End(store.Finished, ""))
		ids = append(ids, id)
	}
	h := New(s, Options{})
	f := func(path, body string, want int, said string) {
		t.Helper()
		got := ask(t, h, "POST", path, "127.0.0.1", body)
		if got.Code != want || !strings.Contains(got.Body.String(), said) {
			t.Errorf("%.40s on %s answers %d, want %d and %q: %.300s", body, path, got.Code, want, said, got.Body)
		}
	}
	f("/run/aaaaaaaaa1", "do=name&name=+Better+", 303, "")
	f("/run/aaaaaaaaa1", "do=name&name=+", 400, "A run needs a name")
	f("/run/aaaaaaaaa1", "do=note&note="+strings.Repeat("x", maxForm), 400, "too long")
	f("/runs", "do=tag&run=aaaaaaaaa1&tag="+strings.Repeat("x", maxForm), 400, "too long")
	f("/run/aaaa", "do=name&name=x", 400, "aaaaaaaaa1, aaaaaaaaa2")
	run, err := s.Run(t.Context(), ids[0])
	must(t, err)
	if run.Name != "Better" {
		t.Errorf("the run is called %q", run.Name)
	}
}

// Of one value there is no best, nor of values that are all the same.
func TestBestNeedsOthers(t *testing.T) {
	f := func(metric string, want []bool, values ...float64) {
		t.Helper()
		cells := make([]*cell, len(values))
		for i, v := range values {
			cells[i] = &cell{number: v}
		}
		markBestOf(metric, cells)
		for i, c := range cells {
			if c.Best != want[i] {
				t.Errorf("%s of %v: value %d is marked as best: %v", metric, values, i, c.Best)
			}
		}
	}
	f("auc", []bool{false, true}, 0.7, 0.8)
	f("loss", []bool{true, false, true}, 0.1, 0.2, 0.1)
	f("auc", []bool{false, false}, math.NaN(), 0.8)
	f("auc", []bool{false, false}, 0.8, 0.8)
	f("auc", []bool{false, false, true}, math.Inf(1), 0.7, 0.8)
}
