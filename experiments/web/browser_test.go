package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/assay-ml/assay/experiments/charts"
	"github.com/assay-ml/assay/store"
)

// chromium returns a browser, or skips the test. testdata/chromium.mjs unpacks
// one where none is installed.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{os.Getenv("ASSAY_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "../../node_modules/.cache/chromium/start"}
	for _, name := range names {
		if file, err := exec.LookPath(name); name != "" && err == nil {
			return file
		}
	}
	t.Skip("no Chromium: install one, name it with ASSAY_CHROMIUM, or run node experiments/web/testdata/chromium.mjs")
	return ""
}

// browser is a tab of a headless Chromium.
type browser struct {
	*testing.T
	ctx      context.Context
	mu       *sync.Mutex
	problems *[]string // what the page complained of
}

type step = chromedp.Action[chromedp.Void]

func open(t *testing.T) browser {
	t.Helper()
	if _, err := charts.Script(); err != nil {
		t.Skipf("charts cannot be drawn: %v", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.WindowSize(1400, 1000))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := browser{t, ctx, new(sync.Mutex), new([]string)}
	err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			*b.problems = append(*b.problems, fmt.Sprintf("%+v", e.ExceptionDetails))
		}
	})
	must(t, err)
	return b
}

// do runs steps, and then looks whether the page has complained.
func (b browser) do(steps ...step) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || len(*b.problems) > 0 {
		b.picture("failed")
		b.Fatalf("error %v; the page complained: %q", err, *b.problems)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](b browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true, also across a change of the page.
func until(expression string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		for {
			// An answer can get lost when the page changes under the question.
			once, cancel := context.WithTimeout(ctx, time.Second)
			ok, err := chromedp.Evaluate[bool](expression)(once, t)
			cancel()
			if ok && err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("not within 10 s: %s (%v)", expression, err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

func call[P, R any](command cdp.Command[P, R], params P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// picture keeps a screenshot in the folder that ASSAY_SCREENSHOTS names.
func (b browser) picture(name string) {
	dir := os.Getenv("ASSAY_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, b.Name()+"-"+name+".png"), png, 0o644)
	}
	if err != nil {
		b.Logf("picture: %v", err)
	}
}

const allDrawn = `document.querySelectorAll(".assay-figure canvas").length > 0 &&
	[...document.querySelectorAll(".assay-figure:has(> script)")].every((f) => f.dataset.drawn === "1")`

// points is the number of points of the first series of a page's first chart.
const points = `window.__assay.chart(document.querySelector(".curve .assay-figure")).getOption().series[0].data.length`

func TestBrowserTable(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	home := serve(t, s, Options{})
	b := open(t)
	b.do(chromedp.Navigate(home+"/runs?experiment=pneumonia"), until(`!document.querySelector(".live").hidden`))
	b.picture("table")

	// A query, completed by the keyboard.
	b.do(chromedp.KeyEvent("/"), until(`document.activeElement.id === "query"`), chromedp.Evaluate[chromedp.Void](`document.activeElement.value = ""`))
	b.do(chromedp.SendKeys(chromedp.CSS("#query"), "learn"), until(`!document.querySelector(".suggest").hidden`),
		chromedp.SendKeys(chromedp.CSS("#query"), kb.Tab), chromedp.SendKeys(chromedp.CSS("#query"), "= 0.001"+kb.Enter),
		until(`document.querySelectorAll("tbody tr[data-run]").length === 3`))
	b.do(chromedp.Navigate(home+"/runs?experiment=pneumonia&q=loss+%3E%3E"), chromedp.WaitVisible(chromedp.CSS("#wrong")))

	// Choose two runs by keys and compare them.
	b.do(chromedp.Navigate(home+"/runs?experiment=pneumonia&q=status+%3D+finished"), until(`!document.querySelector(".live").hidden`),
		chromedp.KeyEvent("jjxjx"), until(`document.querySelector(".actions .chosen b").textContent === "2"`),
		chromedp.KeyEvent("c"), chromedp.WaitVisible(chromedp.CSS("table.compare")), until(allDrawn))
	b.picture("compare")

	// Move a run to the trash, from its page.
	b.do(chromedp.Navigate(home+"/run/"+string(ids[0])), chromedp.Click(chromedp.CSS(`button[value="trash"]`)), chromedp.WaitVisible(chromedp.CSS(`button[value="restore"]`)))
	run, err := s.Run(t.Context(), ids[0])
	must(t, err)
	if run.Trashed.IsZero() {
		t.Error("the run is not in the trash")
	}
}

func TestBrowserZoomCutsFiner(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	// 100,000 points, one of them a spike that no coarse cut may hide.
	const n, spike = 100_000, 54_321
	long := make([]store.Point, n)
	for i := range long {
		long[i] = store.Point{Step: int64(i), Time: time.Now(), Value: float64(i % 7)}
	}
	long[spike].Value = 1000
	must(t, w.Append("loss", long), w.End(store.Finished, ""))
	b := open(t)
	const chart = `window.__assay.chart(document.querySelector(".curve .assay-figure"))`
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/run/"+string(w.ID())), until(allDrawn))
	if top := eval[float64](b, `Math.max(...`+chart+`.getOption().series[0].data.map((d) => d[1]))`); top != 1000 {
		t.Errorf("the highest point drawn is %v, want the spike of 1000", top)
	}
	const inside = chart + `.getOption().series[0].data.filter((d) => d[0] >= 54300 && d[0] <= 54400).length`
	before := eval[int](b, inside)
	b.do(chromedp.Evaluate[chromedp.Void](chart+`.dispatchAction({ type: "dataZoom", startValue: 54300, endValue: 54400 })`), until(inside+` >= 100`))
	after := eval[int](b, inside)
	b.picture("zoomed")
	t.Logf("%d points between steps 54300 and 54400 before the zoom, %d after", before, after)
	if end := eval[float64](b, chart+`.getOption().dataZoom[0].endValue`); end < 54_390 || end > 54_410 {
		t.Errorf("after the finer cut the window ends at %v, want 54400", end)
	}
}

// What one looks closer at is the same steps in all charts, also where a metric was
// logged from later on.
func TestBrowserZoomIsOfTheSameSteps(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	for i := range 1000 {
		must(t, w.Step(int64(i), []string{"loss"}, []float64{float64(i % 7)}))
		if i >= 600 {
			must(t, w.Step(int64(i), []string{"accuracy"}, []float64{float64(i % 5)}))
		}
	}
	must(t, w.End(store.Finished, ""))
	b := open(t)
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/run/"+string(w.ID())), until(allDrawn), until(`!document.querySelector(".live").hidden`),
		chromedp.Evaluate[chromedp.Void](`document.querySelector('[data-figure="curve-loss"]').scrollIntoView({ block: "center" })`))
	const window = `(() => { const z = window.__assay.chart(document.querySelector('[data-figure="curve-%s"]')).getOption().dataZoom[0]; return [z.startValue, z.endValue]; })()`
	at := eval[[]float64](b, `(() => { const r = document.querySelector('[data-figure="curve-loss"] canvas').getBoundingClientRect(); return [r.x + 0.75 * r.width, r.y + r.height / 2]; })()`)
	mouse := func(kind input.DispatchMouseEventType) step {
		// The browser wants both ways of the wheel, and a 0 is not sent.
		return call(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: at[0], Y: at[1], DeltaX: 1e-6, DeltaY: -240})
	}
	b.do(mouse(input.DispatchMouseEventTypeMouseMoved), mouse(input.DispatchMouseEventTypeMouseWheel), mouse(input.DispatchMouseEventTypeMouseWheel),
		until(fmt.Sprintf(window, "loss")+`[0] > 0`), chromedp.Sleep(time.Second))
	loss, accuracy := eval[[]float64](b, fmt.Sprintf(window, "loss")), eval[[]float64](b, fmt.Sprintf(window, "accuracy"))
	if accuracy[0] > max(loss[0], 600)+10 || accuracy[0] < max(loss[0], 600)-10 || math.Abs(accuracy[1]-loss[1]) > 10 {
		t.Errorf("the loss is shown from step %v, the accuracy from %v", loss, accuracy)
	}
	t.Logf("loss %v, accuracy %v", loss, accuracy)
}

func TestBrowserFollowsARun(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	for i := range 5 {
		must(t, w.Step(int64(i), []string{"loss"}, []float64{1 / float64(i+1)}))
	}
	must(t, w.Progress(5, 100))
	must(t, w.Sync())
	b := open(t)
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/run/"+string(w.ID())), until(allDrawn), until(`!document.querySelector(".live").hidden`), until(points+` === 5`))
	worst := time.Duration(0)
	for i := 5; i < 8; i++ {
		time.Sleep(700 * time.Millisecond) // a training step of a slow model
		logged := time.Now()
		must(t, w.Step(int64(i), []string{"loss"}, []float64{1 / float64(i+1)}))
		b.do(until(fmt.Sprintf(points+` === %d`, i+1)))
		worst = max(worst, time.Since(logged))
	}
	t.Logf("a point is drawn at most %v after it was logged", worst.Round(time.Millisecond))
	if worst > time.Second {
		t.Errorf("a point took %v to be drawn, want less than a second", worst)
	}
	must(t, w.End(store.Finished, ""))
	b.do(until(`document.querySelector(".head .status").textContent === "finished"`))
}

func TestBrowserFileFromDiskWithoutNetwork(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	file := filepath.Join(t.TempDir(), "compare.html")
	f, err := os.Create(file)
	must(t, err)
	must(t, WriteCompare(t.Context(), f, s, ids[:3], false), f.Close())
	b := open(t)
	b.do(chromedp.Navigate("file://"+file), until(allDrawn))
	b.picture("file")
	requests := eval[[]string](b, `performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !/^(data|file):/.test(n))`)
	if len(requests) > 0 {
		t.Errorf("the file asks the network for %q", requests)
	}
}

// tooWide are the parts of a page that stick out of the window.
const tooWide = `[...document.querySelectorAll("header *, main *")].filter((e) => !e.closest(".scroll, .code, .assay-numbers > *, .assay-wide, .skip, [popover], details:not([open]) > :not(summary)") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))`

func TestBrowserDarkPhoneAndWithoutScripts(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	page := serve(t, s, Options{}) + "/run/" + string(ids[2])
	b := open(t)
	const background = `getComputedStyle(document.body).backgroundColor`
	b.do(chromedp.Navigate(page), until(allDrawn))
	paper := eval[string](b, background)
	scheme := func(value string) step {
		return call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	}
	b.do(scheme("dark"))
	again := eval[string](b, background)
	b.picture("dark")
	if paper != "rgb(255, 255, 255)" || again != "rgb(20, 23, 28)" {
		t.Errorf("the page is %s, and %s in the dark", paper, again)
	}
	b.do(chromedp.KeyEvent("t"), until(background+` === "rgb(255, 255, 255)"`), scheme("light"))
	b.do(chromedp.KeyEvent("t"), until(background+` === "rgb(20, 23, 28)"`),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}))
	ink := eval[string](b, `getComputedStyle(document.querySelector(".assay-figure")).color`)
	if paper := eval[string](b, background); paper != "rgb(255, 255, 255)" || ink != "rgb(28, 32, 36)" {
		t.Errorf("a dark page is printed with %s on %s", ink, paper)
	}
	b.picture("print")
	b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}), chromedp.KeyEvent("t"), until(background+` === "rgb(255, 255, 255)"`))

	b.do(chromedp.EmulateViewport(390, 844), chromedp.Reload(), until(allDrawn))
	b.picture("phone")
	if wide := eval[[]string](b, tooWide); len(wide) > 0 {
		t.Errorf("on a phone these are wider than the page: %q", wide)
	}

	b.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}),
		chromedp.EmulateViewport(1400, 1000), chromedp.Navigate(page))
	pictures := eval[int](b, `[...document.querySelectorAll(".assay-plot img")].filter((i) => i.complete && i.naturalWidth > 0).length`)
	tables := eval[int](b, `document.querySelectorAll(".assay-figure table").length`)
	b.picture("still")
	if pictures < 4 || tables < 5 {
		t.Errorf("without scripts the page has %d still charts and %d tables, want at least 4 and 5", pictures, tables)
	}
}

func TestBrowserRunsNoNameAsCode(t *testing.T) {
	s := openStore(t)
	name := `<img src=x onerror=window.hacked=1></script><script>window.hacked=1</script>`
	w, err := s.Start(t.Context(), store.NewRun{Experiment: name, Name: name})
	must(t, err)
	must(t, w.Step(1, []string{name}, []float64{1}), w.Step(2, []string{name}, []float64{2}), w.End(store.Finished, name))
	b := open(t)
	home := serve(t, s, Options{})
	for _, path := range []string{"/", "/runs", "/run/" + string(w.ID())} {
		b.do(chromedp.Navigate(home+path), until(`!document.querySelector(".live").hidden`))
		if strings.HasPrefix(path, "/run/") {
			// A tooltip shows the name too.
			b.do(until(allDrawn), chromedp.Evaluate[chromedp.Void](`window.__assay.chart(document.querySelector(".curve .assay-figure")).dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: 1 })`))
		}
		b.do(chromedp.Sleep(200 * time.Millisecond))
		if eval[bool](b, `window.hacked === 1`) {
			t.Errorf("%s ran a name", path)
		}
	}
}

func TestBrowserColumns(t *testing.T) {
	s := openStore(t)
	fill(t, s)
	home := serve(t, s, Options{})
	b := open(t)
	const live = `!document.querySelector(".live").hidden`
	b.do(chromedp.Navigate(home+"/runs?experiment=pneumonia"), until(live))
	keys := func() string {
		return eval[string](b, `[...document.querySelectorAll("#table th[data-key]")].map((th) => th.dataset.key).join(" ")`)
	}
	before := strings.Fields(keys())
	// choose does something to a column by its menu, with the keyboard.
	choose := func(key, act string) {
		b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('th[data-key="%s"] .more').focus()`, key)), chromedp.KeyEvent(kb.Enter),
			until(`document.querySelector("#column").matches(":popover-open")`),
			chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('[data-column="%s"]').focus()`, act)), chromedp.KeyEvent(kb.Enter))
	}
	choose(before[0], "hide")
	b.do(until(`document.querySelectorAll("#table th[data-key]").length === ` + fmt.Sprint(len(before)-1)))
	last := before[len(before)-1]
	choose(last, "left")
	b.do(until(fmt.Sprintf(`document.querySelector("#table th:nth-last-child(2)").dataset.key === %q`, last)))
	choose(last, "pin")
	b.do(until(fmt.Sprintf(`document.querySelector("#table th[data-key]").dataset.key === %q`, last)))
	if got, want := keys(), strings.Join(append([]string{last}, before[1:len(before)-1]...), " "); got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	width := fmt.Sprintf(`document.querySelector('th[data-key="%s"]').offsetWidth`, last)
	was := eval[int](b, width)
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('th[data-key="%s"] .grip').focus()`, last)),
		chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight), until(fmt.Sprintf(`%s === %d`, width, was+32)))
	b.picture("columns")
	// The address is the view: it comes back with everything.
	view := keys()
	b.do(chromedp.Reload(), until(live), until(fmt.Sprintf(`%s === %d`, width, was+32)))
	if got := keys(); got != view {
		t.Errorf("after a reload columns %s, want %s", got, view)
	}
	if left := eval[string](b, fmt.Sprintf(`getComputedStyle(document.querySelector('th[data-key="%s"]')).left`, last)); left == "0px" || left == "auto" {
		t.Errorf("the column that stays in sight sticks at %s, over the run's name", left)
	}
}

func TestBrowserTableScrollsOn(t *testing.T) {
	s := openStore(t)
	const runs = 250
	var w *store.Writer
	for i := range runs {
		var err error
		w, err = s.Start(t.Context(), store.NewRun{Experiment: "many", Name: fmt.Sprintf("run-%d", i)})
		must(t, err)
		if i < runs-1 {
			must(t, w.End(store.Finished, ""))
		}
	}
	b := open(t)
	const rows = `document.querySelectorAll("#table tr[data-run]").length`
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/runs?experiment=many"), until(`!document.querySelector(".live").hidden`))
	for range 4 {
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#table .scroll").scrollTo(0, 1e6)`), chromedp.Sleep(100*time.Millisecond))
	}
	b.do(until(fmt.Sprintf(rows+` === %d`, runs)), until(`!document.querySelector("nav.pages a[rel=next]")`))
	if names := eval[int](b, `new Set([...document.querySelectorAll("#table tr[data-run]")].map((r) => r.dataset.run)).size`); names != runs {
		t.Errorf("%d runs in %d rows", names, runs)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`scrollTo(0, document.body.scrollHeight)`), chromedp.Sleep(100*time.Millisecond))
	if !eval[bool](b, `document.querySelector("#table thead th[data-key]").getBoundingClientRect().top >= document.querySelector(".bar").getBoundingClientRect().bottom - 1`) {
		t.Error("at the end of the page the table's head is under the bar")
	}
	// A change reaches a table that has been scrolled through, and leaves its rows.
	must(t, w.End(store.Failed, "x"))
	b.do(until(`document.querySelector("#table tr[data-run] .status")?.textContent === "failed"`))
	if got := eval[int](b, rows); got != runs {
		t.Errorf("after a change %d rows are left of %d", got, runs)
	}
	if got := eval[string](b, `document.querySelector("[data-live=count]").textContent`); got != "1–250 of 250" {
		t.Errorf("above the table stands %q", got)
	}
	b.do(chromedp.KeyEvent("?"), until(`document.querySelector("#keys").open`), chromedp.KeyEvent(kb.Escape), until(`!document.querySelector("#keys").open`))
}

// TestBrowserPageLeftOpenDoesNotGrow plays a long day: a page takes over what is
// new hundreds of times.
func TestBrowserPageLeftOpenDoesNotGrow(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	step := int64(0)
	log := func(n int) {
		for range n {
			step++
			must(t, w.Step(step, []string{"loss", "accuracy", "train/grad"}, []float64{1 / float64(step), float64(step % 7), math.NaN()}))
		}
		must(t, w.Sync())
	}
	log(1000)
	b := open(t)
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/run/"+string(w.ID())), until(allDrawn))
	const takeOver = `(async () => {
		const { takeOver } = await import("/static/app.js");
		for (let i = 0; i < 25; i++) {
			const answer = await fetch(location.href);
			takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
		}
		window.rounds = (window.rounds ?? 0) + 1;
	})(); undefined`
	rounds := 0
	size := func() (nodes, heap float64) {
		b.do(call(heapprofiler.CollectGarbage, cdp.Empty{}))
		return eval[float64](b, `document.querySelectorAll("*").length`), eval[float64](b, `performance.memory.usedJSHeapSize`)
	}
	follow := func(times int) {
		for range times {
			log(20)
			rounds++
			b.do(chromedp.Evaluate[chromedp.Void](takeOver), until(fmt.Sprintf(`window.rounds === %d`, rounds)))
		}
	}
	follow(2)
	nodes, heap := size()
	follow(5)
	nodesAfter, heapAfter := size()
	t.Logf("after %d times: %v nodes and %.1f MB, from %v and %.1f", 25*rounds, nodesAfter, heapAfter/1e6, nodes, heap/1e6)
	if nodesAfter > nodes+20 || heapAfter > 1.25*heap {
		t.Errorf("the page grows: %v nodes and %.1f MB, from %v and %.1f", nodesAfter, heapAfter/1e6, nodes, heap/1e6)
	}
	must(t, w.End(store.Finished, ""))
}

func TestBrowserHasANameForEverythingAndFitsAPhone(t *testing.T) {
	s := openStore(t)
	ids := fill(t, s)
	home := serve(t, s, Options{})
	b := open(t)
	// What a screen reader would call by no name, or a table that it cannot read.
	const unnamed = `[...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, img, iframe, meter, progress, [role=img], [role=separator]")].filter((e) => {
			const label = e.getAttribute("aria-label") || e.title || e.alt || e.placeholder || e.textContent.trim() || [...(e.labels ?? [])].map((l) => l.textContent.trim()).join("");
			return !label && !(e.tagName === "IMG" && e.hasAttribute("alt")) && e.tagName !== "METER" && e.tagName !== "PROGRESS";
		}).concat([...document.querySelectorAll("main table")].filter((t) => t.querySelector("thead") && [...t.querySelectorAll("th")].some((th) => !th.scope)),
			[...document.querySelectorAll("[id]")].filter((e) => document.querySelectorAll("#" + CSS.escape(e.id)).length > 1),
			document.querySelectorAll("h1").length === 1 ? [] : [document.body]).map((e) => e.outerHTML.slice(0, 100))`
	for _, path := range []string{"/", "/runs?experiment=pneumonia", "/run/" + string(ids[2]), "/compare?run=" + string(ids[0]) + "&run=" + string(ids[2]),
		"/explore?experiment=pneumonia", "/leaderboard", "/run/" + string(ids[2]) + "/card"} {
		b.do(chromedp.EmulateViewport(1400, 1000), chromedp.Navigate(home+path), until(`document.readyState === "complete"`))
		if bad := eval[[]string](b, unnamed); len(bad) > 0 {
			t.Errorf("%s: %q", path, bad)
		}
		b.do(chromedp.EmulateViewport(390, 844), chromedp.Sleep(50*time.Millisecond))
		b.picture(strings.NewReplacer("/", "_", "?", "_").Replace(path[:min(len(path), 8)]))
		if wide := eval[[]string](b, tooWide); len(wide) > 0 {
			t.Errorf("%s: on a phone these are wider than the page: %q", path, wide)
		}
	}
}

// TestBrowserCell plays a notebook: outputs that are replaced while a run goes
// on, in a page that has a module loader of its own.
func TestBrowserCell(t *testing.T) {
	f := func(points int) charts.Figure {
		var line charts.Line
		for i := range points {
			line.X, line.Y = append(line.X, float64(i)), append(line.Y, 1/float64(i+1))
		}
		line.Name = "loss"
		return charts.Curves("k3-loss", "Loss", []charts.Line{line}, charts.CurveOptions{})
	}
	page := filepath.Join(t.TempDir(), "notebook.html")
	must(t, os.WriteFile(page, []byte(`<!doctype html><meta charset="utf-8"><script>window.define = () => { throw new Error("the notebook's loader was called") }; window.define.amd = {}</script>`+
		`<body><div id="out"></div>`), 0o644))
	// show does what JupyterLab does with HTML that it trusts.
	show := func(html string) step {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
			const out = document.getElementById("out");
			out.innerHTML = %q;
			for (const old of out.querySelectorAll("script:not([type])")) {
				const script = document.createElement("script");
				script.textContent = old.textContent;
				old.replaceWith(script);
			}
		})()`, html))
	}
	b := open(t)
	const count = `window.__assay.chart(document.querySelector("#out .assay-figure")).getOption().series[0].data.length`
	b.do(chromedp.Navigate("file://"+page), show(f(3).Cell(false)))
	if !eval[bool](b, `document.querySelector("#out img").naturalWidth > 0 || !document.querySelector("#out img").complete`) {
		t.Error("before the library is there the cell has no still picture")
	}
	b.do(show(f(5).Cell(true)), until(count+` === 5`), chromedp.Evaluate[chromedp.Void](`window.first = document.querySelector("#out canvas"); undefined`))
	b.do(show(f(6).Cell(false)))
	if !eval[bool](b, count+` === 6 && document.querySelector("#out canvas") === window.first && !document.querySelector("#out img")`) {
		t.Error("an update does not take over the canvas at once, so it flickers")
	}
	b.picture("cell")
}

// Somebody who has no mouse stays where they are while runs come and go.
func TestBrowserKeyboardOnALivePage(t *testing.T) {
	s := openStore(t)
	record := func(name string) {
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Name: name})
		must(t, err, w.End(store.Finished, ""))
	}
	for _, name := range []string{"one", "two", "three"} {
		record(name)
	}
	b := open(t)
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/runs"), until(`!document.querySelector(".live").hidden`))
	const focused, marked = `document.activeElement.textContent`, `document.querySelector("tr.current a.run")?.textContent`
	b.do(chromedp.KeyEvent("jj"), until(marked+` === "two"`), chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("a.run")].find((a) => a.textContent === "one").focus()`))
	record("four")
	b.do(until(`document.querySelectorAll("tr[data-run]").length === 4`))
	if got := eval[string](b, focused); got != "one" {
		t.Errorf("after a change the focus is on %q, want the run it was on", got)
	}
	if got := eval[string](b, marked); got != "two" {
		t.Errorf("after a change the keys are about %q, want the run they were about", got)
	}
	// What is being copied stays.
	b.do(chromedp.Evaluate[chromedp.Void](`getSelection().selectAllChildren(document.querySelector("a.run"))`))
	record("five")
	b.do(until(`document.querySelector("[data-live=count]").textContent === "1–5 of 5"`))
	if got := eval[string](b, `getSelection().toString()`); got != "four" {
		t.Errorf("after a change %q is selected, want four", got)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`getSelection().empty()`), until(`document.querySelectorAll("tr[data-run]").length === 5`))
	b.do(chromedp.Evaluate[chromedp.Void](`window.same = true; document.querySelector(".skip").focus()`), chromedp.KeyEvent(kb.Enter), until(`location.hash === "#content"`), chromedp.Sleep(100*time.Millisecond))
	if !eval[bool](b, `window.same === true`) {
		t.Error("the link to the content loads the page again")
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".menu summary").focus()`), chromedp.KeyEvent(kb.Enter), until(`document.querySelector(".menu").open`),
		chromedp.KeyEvent(kb.Tab), until(`document.activeElement.name === "col"`), chromedp.KeyEvent(kb.Escape), until(`!document.querySelector(".menu").open && document.activeElement.matches("summary")`))
	// The list of fields tells what is chosen in it.
	b.do(chromedp.SendKeys(chromedp.CSS("#query"), "stat"), until(`document.activeElement.ariaExpanded === "true"`))
	if got := eval[string](b, `document.getElementById(document.activeElement.getAttribute("aria-activedescendant")).textContent`); got != "status" {
		t.Errorf("the field says that %q is chosen", got)
	}
}

// Rows that come as the reader scrolls on have the columns of the table, whatever
// differs among them.
func TestBrowserRowsKeepTheColumns(t *testing.T) {
	s := openStore(t)
	const early = 30
	for i := range runsPerPage + early {
		name, metric := "seed", "accuracy"
		if i < early {
			name, metric = "site", "loss"
		}
		w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
		must(t, err, w.Params(map[string]store.Value{name: int64(i)}), w.Summary(metric, float64(i), math.NaN(), math.NaN()), w.End(store.Finished, ""))
	}
	b := open(t)
	b.do(chromedp.Navigate(serve(t, s, Options{})+"/runs?experiment=e"), until(`!document.querySelector(".live").hidden`),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("#table .scroll").scrollTo(0, 1e6)`), until(fmt.Sprintf(`document.querySelectorAll("#table tr[data-run]").length === %d`, runsPerPage+early)))
	// The last row is run 0: it has neither a seed nor an accuracy.
	got := eval[[]string](b, `(() => {
		const keys = [...document.querySelectorAll("#table th[data-key]")].map((th) => th.dataset.key);
		const cells = [...document.querySelectorAll("#table tr[data-run]:last-child > :nth-child(n+3)")].map((c) => c.textContent);
		return [String(keys.length === cells.length), cells[keys.indexOf("param.seed")], cells[keys.indexOf("metric.accuracy")]];
	})()`)
	if strings.Join(got, ",") != "true,," {
		t.Errorf("under the heads of the first rows the last has %q, want nothing", got)
	}
}

// A page in the background holds no connection: a browser has few.
func TestBrowserPageInTheBackgroundRests(t *testing.T) {
	s := openStore(t)
	var streams atomic.Int32
	pages := New(s, Options{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			streams.Add(1)
			defer streams.Add(-1)
		}
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e", Name: "first"})
	must(t, err, w.End(store.Finished, ""))
	b := open(t)
	look := func(state string) step {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`Object.defineProperty(document, "visibilityState", { value: %q, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`, state))
	}
	b.do(chromedp.Navigate(server.URL+"/runs"), until(`!document.querySelector(".live").hidden`), look("hidden"))
	for wait := time.Now().Add(5 * time.Second); streams.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(wait) {
			t.Fatal("a page in the background keeps its stream open")
		}
	}
	w, err = s.Start(t.Context(), store.NewRun{Experiment: "e", Name: "second"})
	must(t, err, w.End(store.Finished, ""))
	b.do(look("visible"), until(`document.querySelector("a.run").textContent === "second"`), until(`!document.querySelector(".live").classList.contains("lost")`))
}

// What a run put into a figure's option does not run, also in a file that has no
// server to forbid it.
func TestBrowserFileRunsNoOption(t *testing.T) {
	s := openStore(t)
	w, err := s.Start(t.Context(), store.NewRun{Experiment: "e"})
	must(t, err)
	must(t, w.Figure(store.Figure{ID: "evil", Title: "evil", Option: []byte(`{"xAxis":{"type":"category","data":["a","b"]},"yAxis":{},
		"series":[{"type":"bar","data":[1,2],"tooltip":{"formatter":"<img src=x onerror='window.hacked=1'>"}}]}`)}), w.End(store.Finished, ""))
	file := filepath.Join(t.TempDir(), "run.html")
	f, err := os.Create(file)
	must(t, err)
	must(t, WriteRun(t.Context(), f, s, w.ID()), f.Close())
	b := open(t)
	b.do(chromedp.Navigate("file://"+file), until(allDrawn),
		chromedp.Evaluate[chromedp.Void](`window.__assay.chart(document.querySelector(".assay-figure")).dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: 1 })`), chromedp.Sleep(300*time.Millisecond))
	if eval[bool](b, `window.hacked === 1`) {
		t.Error("the file ran what a figure's option holds")
	}
}
