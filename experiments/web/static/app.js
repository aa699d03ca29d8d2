// What pages do beyond being read: follow runs as they train, cut curves finer
// where the reader zooms, keys, choosing rows, completing queries.
const assay = () => window.__assay;

// ---- following: on each change the page asks for itself and takes over what differs

let busy = false;
let stale = false;

async function refresh() {
  if (busy) {
    stale = true;
    return;
  }
  busy = true;
  const began = performance.now();
  try {
    const asked = address();
    const answer = await fetch(asked, { headers: { Accept: "text/html" } });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && asked === address()) takeOver(next);
  } catch {
    // The server is away; the event stream says when it is back.
  }
  // At most some three times a second, and never busy for more than a fifth of the time:
  // a comparison of many runs takes long to make.
  const took = performance.now() - began;
  await new Promise((done) => setTimeout(done, Math.max(250, 4 * took)));
  busy = false;
  if (stale) {
    stale = false;
    refresh();
  }
}

// takeOver replaces the live parts of the page by those of next. Charts stay and
// get new numbers, so that zoom and tooltip survive.
export function takeOver(next) {
  const parts = document.querySelectorAll("[data-live]");
  if (parts.length !== next.querySelectorAll("[data-live]").length) {
    const main = document.querySelector("main");
    if (held(main)) {
      heldBack = true;
      return;
    }
    const focus = focusIn(main);
    main.replaceWith(next.querySelector("main"));
    settle();
    refocus(document.querySelector("main"), focus);
    return;
  }
  for (const part of parts) {
    const fresh = next.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!fresh) continue;
    if (part.dataset.live === "count" && document.querySelector("tr[data-more]")) continue; // the table is longer than fresh
    if (fresh.querySelector(".assay-figure")) {
      takeOverFigures(part, fresh);
    } else if (held(part)) {
      heldBack ||= said.get(part) !== fresh.innerHTML;
    } else if (part.querySelector("tr[data-more]") && sameHeads(part, fresh)) {
      // The reader has scrolled to more rows than fresh has.
      for (const row of fresh.querySelectorAll("tr[data-run]")) {
        const here = part.querySelector(`tr[data-run="${CSS.escape(row.dataset.run)}"]`);
        if (here) replace(here, row);
      }
    } else {
      replace(part, fresh);
    }
  }
  tidy();
}

const sameHeads = (a, b) => heads(a) === heads(b);
const heads = (part) => [...part.querySelectorAll("th[data-key]")].map((th) => th.dataset.key).join("\n");

const said = new WeakMap(); // elements → what the server last said is in them; scripts have added to it since

// replace gives an element the content of fresh, if that has changed. Boxes stay
// checked, the focus stays where it is, what was scrolled to its end stays there.
function replace(part, fresh) {
  if (said.get(part) === fresh.innerHTML) return;
  said.set(part, fresh.innerHTML);
  const chosen = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const focus = focusIn(part);
  const atEnd = part.scrollTop > 0 && part.scrollTop + part.clientHeight > part.scrollHeight - 2;
  part.innerHTML = fresh.innerHTML; // our own server's, escaped there
  for (const box of part.querySelectorAll("input[name=run]")) box.checked = chosen.has(box.value);
  refocus(part, focus);
  if (atEnd) part.scrollTop = part.scrollHeight;
}

// likeness is what a link, button or box has in common with a new copy of it alone.
const likeness = (e) => [e.tagName, e.getAttribute("href"), e.name, e.value, e.className].join("\n");

// focusIn returns the likeness of what has the focus, if that is in part; refocus
// gives the focus to its new copy.
const focusIn = (part) => part.contains(document.activeElement) && likeness(document.activeElement);
const refocus = (part, focus) => focus && [...part.querySelectorAll("a, button, input")].find((e) => likeness(e) === focus)?.focus({ preventScroll: true });

// held tells whether the reader is at something in part that a replacement would
// take away: a field, an open menu, a selection.
function held(part) {
  const at = document.activeElement;
  if (part.contains(at) && at.matches(".grip, .more, summary, textarea, input:not([type=checkbox])")) return true;
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

let heldBack = false; // something is new that is not shown, because the reader is at it
for (const left of ["focusout", "selectionchange"]) {
  document.addEventListener(left, () => {
    if (!heldBack || !getSelection().isCollapsed) return;
    heldBack = false;
    refresh();
  });
}

// address is that of this page without the place in it.
const address = () => location.pathname + location.search;

let shown = address();

// visit goes to an address of this page, which stays where it is scrolled to.
export async function visit(url) {
  history.pushState(null, "", url);
  shown = address();
  const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) {
    location.reload();
    return;
  }
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const scrolled = document.querySelector("#table .scroll")?.scrollLeft ?? 0;
  document.title = next.title;
  document.querySelector("main").replaceWith(next.querySelector("main"));
  settle();
  document.querySelector("#table .scroll")?.scrollTo(scrolled, 0);
}
addEventListener("popstate", () => {
  if (address() !== shown) location.reload(); // else it is a link to a place in the page
});

function takeOverFigures(part, fresh) {
  const ids = (root) => [...root.querySelectorAll(".assay-figure")].map((f) => f.dataset.figure).join("\n");
  if (ids(part) !== ids(fresh)) {
    part.replaceChildren(...fresh.childNodes);
    settle();
    return;
  }
  const now = part.querySelectorAll(".assay-figure");
  fresh.querySelectorAll(".assay-figure").forEach((figure, i) => {
    const script = (f) => f.querySelector(":scope > script[type='application/json']");
    const [was, is] = [script(now[i]), script(figure)];
    if (!was || !is) {
      if (now[i].innerHTML !== figure.innerHTML) now[i].innerHTML = figure.innerHTML;
      return;
    }
    if (was.textContent === is.textContent) return;
    was.textContent = is.textContent;
    now[i].querySelector("figcaption").firstChild.nodeValue = figure.querySelector("figcaption").textContent;
    now[i].querySelector(".assay-plot").ariaLabel = figure.querySelector(".assay-plot").ariaLabel;
    const numbers = (f) => f.querySelector(".assay-numbers table");
    if (numbers(now[i]) && numbers(figure)) numbers(now[i]).replaceWith(numbers(figure));
    if (zoomed(now[i])) recut(now[i]);
    else assay()?.update(now[i], JSON.parse(is.textContent));
  });
}

// follow listens for changes while the page is looked at. In the background it
// rests: a browser has six connections to a server, and a stream takes one.
function follow() {
  const sign = document.querySelector(".live");
  let events = null;
  const listen = () => {
    if (document.visibilityState === "hidden") {
      events?.close();
      events = null;
      sign.classList.add("lost");
      return;
    }
    if (events && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource("/events");
    events.addEventListener("hello", () => {
      if (sign.classList.contains("lost")) refresh();
      sign.hidden = false;
      sign.classList.remove("lost");
    });
    events.addEventListener("change", refresh);
    events.addEventListener("error", () => sign.classList.add("lost"));
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}

// ---- zoom: where the reader looks closer, the server cuts finer

function zoomed(figure) {
  const zoom = assay()?.chart(figure)?.getOption().dataZoom?.[0];
  return zoom && (zoom.start > 0.01 || zoom.end < 99.99);
}

async function recut(figure) {
  const source = figure.closest(".curve")?.dataset.source;
  const chart = assay()?.chart(figure);
  if (!source || !chart) return;
  const url = new URL(source, location.href);
  const zoom = chart.getOption().dataZoom?.[0];
  if (zoomed(figure) && Number.isFinite(zoom?.startValue)) {
    url.searchParams.set("from", Math.floor(zoom.startValue));
    url.searchParams.set("to", Math.ceil(zoom.endValue));
  }
  const answer = await fetch(url);
  if (answer.ok) assay().update(figure, (await answer.json()).option);
}

const watched = new WeakSet(); // charts whose zoom is listened to

function watchZoom(figure) {
  const source = figure.closest(".curve")?.dataset.source;
  const chart = assay()?.chart(figure);
  if (!source || !chart || watched.has(chart)) return;
  watched.add(chart);
  chart.group = "curves"; // they share cursor and zoom
  window.echarts?.connect("curves");
  let wait;
  chart.on("datazoom", () => {
    clearTimeout(wait);
    wait = setTimeout(() => {
      if (figure.matches(":hover") && zoomed(figure)) align(chart);
      // Windows are cut by step; over time the curve stays as it was drawn.
      if (!new URL(source, location.href).searchParams.has("x")) recut(figure);
    }, 120);
  });
  chart.getZr().on("dblclick", () => chart.dispatchAction({ type: "dataZoom", start: 0, end: 100 }));
}

// align shows in the other charts over the same x what chart shows. A zoom that is
// shared is so by share of the axis, and the others may begin or end elsewhere.
function align(chart) {
  const x = (c) => c.getOption().xAxis[0].name;
  const { startValue, endValue } = chart.getOption().dataZoom[0];
  for (const figure of document.querySelectorAll(".curve .assay-figure")) {
    const other = assay().chart(figure);
    if (!other || other === chart || x(other) !== x(chart)) continue;
    let [first, last] = [Infinity, -Infinity]; // beyond them ECharts would move the window
    for (const series of other.getOption().series) {
      for (const [at] of series.data) if (at !== null) [first, last] = [Math.min(first, at), Math.max(last, at)];
    }
    const [from, to] = [Math.max(startValue, first), Math.min(endValue, last)];
    if (from < to) other.dispatchAction({ type: "dataZoom", startValue: from, endValue: to, escapeConnect: true });
  }
}

document.addEventListener("assay:drawn", (event) => watchZoom(event.target));

// ---- choosing rows

const boxes = () => [...document.querySelectorAll("#table input[name=run]")];

function choose() {
  const all = document.querySelector("#table input.all");
  if (!all) return;
  const chosen = boxes().filter((box) => box.checked);
  for (const box of boxes()) box.closest("tr").classList.toggle("chosen", box.checked);
  all.checked = chosen.length > 0 && chosen.length === boxes().length;
  const sign = document.querySelector(".actions .chosen");
  sign.hidden = chosen.length === 0;
  sign.firstElementChild.textContent = chosen.length;
}

let lastBox = null; // the value of the one that was clicked
document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
  if (box.classList.contains("all")) for (const other of boxes()) other.checked = box.checked;
  if (box.name === "run") {
    const list = boxes();
    const from = list.findIndex((other) => other.value === lastBox);
    if (event.shiftKey && from >= 0) {
      const [a, b] = [from, list.indexOf(box)].sort((x, y) => x - y);
      for (const other of list.slice(a, b + 1)) other.checked = box.checked;
    }
    lastBox = box.value;
  }
  choose();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.sure;
  if (question && !confirm(question)) {
    event.preventDefault();
    return;
  }
  if (form.id === "table") {
    if (!boxes().some((box) => box.checked)) {
      event.preventDefault();
      return;
    }
    if (event.submitter?.value) {
      const back = document.createElement("input");
      Object.assign(back, { type: "hidden", name: "back", value: location.search.slice(1) });
      form.append(back);
    }
  }
  if (form.method === "get") {
    // Addresses are for sharing: fields that are empty stay out of them.
    for (const field of form.elements) {
      if (field.name && (field.value === "" || (field.name === "smooth" && field.value === "0") || (field.name === "x" && field.value === "step"))) field.disabled = true;
      // The chosen columns matter only when they were just chosen, or differ from the default already.
      if (field.name === "col" && !event.submitter?.closest(".sheet") && !new URLSearchParams(location.search).has("col")) field.disabled = true;
    }
    setTimeout(() => { for (const field of form.elements) field.disabled = false; });
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form && ("auto" in form.dataset || "submit" in event.target.dataset)) form.requestSubmit();
});

// ---- keys

let current = null; // the run in the row that keys are about: rows come and go
const currentBox = () => boxes().find((box) => box.value === current);

function move(by) {
  const all = boxes();
  if (all.length === 0) return;
  const at = all.indexOf(currentBox());
  current = all[Math.min(Math.max(at + by, 0), all.length - 1)].value;
  markCurrent();
  currentBox().closest("tr").scrollIntoView({ block: "nearest" });
}

function markCurrent() {
  for (const box of boxes()) box.closest("tr").classList.toggle("current", box.value === current);
}

const keys = {
  "?": () => document.getElementById("keys")?.showModal(),
  "/": () => document.getElementById("query")?.focus(),
  t: () => document.getElementById("theme")?.click(),
  j: () => move(1),
  k: () => move(-1),
  x: () => currentBox()?.click(),
  c: () => boxes().some((box) => box.checked) && document.querySelector('#table [formaction="/compare"]').click(),
  Enter: () => currentBox()?.closest("tr").querySelector("a.run").click(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select, button, a, summary")) return;
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// Menus close as menus do: by Escape, and by a click beside them.
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.(".menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// ---- completing the query: the word before the caret

function complete(box) {
  const fields = box.dataset.fields.split("\n").filter(Boolean);
  const list = document.createElement("ul");
  list.className = "suggest";
  list.role = "listbox";
  list.id = "suggested";
  list.ariaLabel = "Fields";
  list.hidden = true;
  box.after(list);
  box.role = "combobox";
  box.ariaAutoComplete = "list";
  box.setAttribute("aria-controls", list.id);
  let at = 0;

  const word = () => box.value.slice(0, box.selectionStart).match(/[^\s()=<>!~,]*$/)[0];
  const take = (text) => {
    const [end, w] = [box.selectionStart, word()];
    box.setRangeText(text + " ", end - w.length, end, "end");
    hide();
    box.focus();
  };
  const hide = () => {
    list.hidden = true;
    point();
  };
  // point tells those who do not see the list that it is there, and which is chosen.
  const point = () => {
    [...list.children].forEach((item, i) => { item.ariaSelected = String(i === at); });
    box.ariaExpanded = String(!list.hidden);
    if (list.hidden) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", list.children[at].id);
  };
  const show = () => {
    const w = word().toLowerCase();
    const found = w ? fields.filter((f) => f.toLowerCase().includes(w) && f !== w).slice(0, 12) : [];
    at = 0;
    list.replaceChildren(...found.map((f, i) => {
      const item = document.createElement("li");
      item.textContent = f;
      item.role = "option";
      item.id = `suggested-${i}`;
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(f);
      });
      return item;
    }));
    list.style.left = `${box.offsetLeft}px`;
    list.style.top = `${box.offsetTop + box.offsetHeight}px`;
    list.hidden = found.length === 0;
    point();
  };
  box.addEventListener("input", show);
  box.addEventListener("blur", hide);
  hide();
  box.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length;
      point();
      items[at].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Tab") {
      take(items[at].textContent);
    } else if (event.key === "Escape") {
      hide();
    } else {
      return;
    }
    event.preventDefault();
  });
}

// ---- starting

const keepers = []; // what other scripts do to the page each time that parts of it are new

export function keep(f) {
  keepers.push(f);
  f();
}

function tidy() {
  choose();
  markCurrent();
  for (const f of keepers) f();
}

function settle() {
  for (const box of document.querySelectorAll(".query-box:not([data-completes])")) {
    box.dataset.completes = "1";
    complete(box);
  }
  assay()?.draw();
  document.querySelectorAll(".assay-figure[data-drawn]").forEach(watchZoom); // drawn before this script ran
  tidy();
}

settle();
follow();
