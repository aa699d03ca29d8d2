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
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The server is away; the event stream says when it is back.
  }
  await new Promise((done) => setTimeout(done, 250)); // at most some three times a second
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
    if (!main.contains(document.activeElement) || document.activeElement === document.body) {
      main.replaceWith(next.querySelector("main"));
      settle();
    }
    return;
  }
  for (const part of parts) {
    const fresh = next.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!fresh || held(part)) continue;
    if (part.dataset.live === "count" && document.querySelector("tr[data-more]")) continue; // the table is longer than fresh
    if (fresh.querySelector(".assay-figure")) {
      takeOverFigures(part, fresh);
    } else if (part.querySelector("tr[data-more]")) {
      takeOverRows(part, fresh);
    } else if (fresh.innerHTML !== part.dataset.was) {
      const chosen = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
      part.dataset.was = fresh.innerHTML;
      part.innerHTML = fresh.innerHTML; // our own server's, escaped there
      for (const box of part.querySelectorAll("input[name=run]")) box.checked = chosen.has(box.value);
    }
  }
  tidy();
}

// takeOverRows replaces the rows that have changed, in a table to which the reader
// has scrolled more than fresh has.
function takeOverRows(part, fresh) {
  for (const row of fresh.querySelectorAll("tr[data-run]")) {
    const was = part.querySelector(`tr[data-run="${CSS.escape(row.dataset.run)}"]`);
    if (!was || was.dataset.was === row.innerHTML) continue;
    const chosen = was.querySelector("input[name=run]").checked;
    was.innerHTML = row.innerHTML;
    was.dataset.was = row.innerHTML;
    was.querySelector("input[name=run]").checked = chosen;
  }
}

// held tells whether the reader is at something in part that a replacement would
// take away.
const held = (part) => part.contains(document.activeElement) && document.activeElement.matches(".grip, .more, summary, textarea, input:not([type=checkbox])");

// visit goes to an address of this page, which stays where it is scrolled to.
export async function visit(url) {
  history.pushState(null, "", url);
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
addEventListener("popstate", () => location.reload());

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
    const numbers = (f) => f.querySelector(".assay-numbers table");
    if (numbers(now[i]) && numbers(figure)) numbers(now[i]).replaceWith(numbers(figure));
    if (zoomed(now[i])) recut(now[i]);
    else assay()?.update(now[i], JSON.parse(is.textContent));
  });
}

function follow() {
  const sign = document.querySelector(".live");
  const events = new EventSource("/events");
  events.addEventListener("hello", () => {
    if (sign.classList.contains("lost")) refresh();
    sign.hidden = false;
    sign.classList.remove("lost");
  });
  events.addEventListener("change", refresh);
  events.addEventListener("error", () => sign.classList.add("lost"));
  // A page in the background rests, and catches up when it is looked at.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && events.readyState === EventSource.CLOSED) location.reload();
  });
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
    // Windows are cut by step; over time the curve stays as it was drawn.
    if (!new URL(source, location.href).searchParams.has("x")) wait = setTimeout(() => recut(figure), 120);
  });
  chart.getZr().on("dblclick", () => chart.dispatchAction({ type: "dataZoom", start: 0, end: 100 }));
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

let lastBox = null;
document.addEventListener("click", (event) => {
  const box = event.target;
  if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
  if (box.classList.contains("all")) for (const other of boxes()) other.checked = box.checked;
  if (box.name === "run") {
    const list = boxes();
    if (event.shiftKey && lastBox && list.includes(lastBox)) {
      const [a, b] = [list.indexOf(lastBox), list.indexOf(box)].sort((x, y) => x - y);
      for (const other of list.slice(a, b + 1)) other.checked = box.checked;
    }
    lastBox = box;
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

let current = -1;
function move(by) {
  const rows = boxes().map((box) => box.closest("tr"));
  if (rows.length === 0) return;
  rows[current]?.classList.remove("current");
  current = Math.min(Math.max(current + by, 0), rows.length - 1);
  rows[current].classList.add("current");
  rows[current].scrollIntoView({ block: "nearest" });
}

const keys = {
  "?": () => document.getElementById("keys")?.showModal(),
  "/": () => document.getElementById("query")?.focus(),
  t: () => document.getElementById("theme")?.click(),
  j: () => move(1),
  k: () => move(-1),
  x: () => boxes()[current]?.click(),
  c: () => boxes().some((box) => box.checked) && document.querySelector('#table [formaction="/compare"]').click(),
  Enter: () => current >= 0 && boxes()[current]?.closest("tr").querySelector("a.run").click(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select, button, a, summary")) return;
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// ---- completing the query: the word before the caret

function complete(box) {
  const fields = box.dataset.fields.split("\n").filter(Boolean);
  const list = document.createElement("ul");
  list.className = "suggest";
  list.role = "listbox";
  list.hidden = true;
  box.after(list);
  let at = 0;

  const word = () => box.value.slice(0, box.selectionStart).match(/[^\s()=<>!~,]*$/)[0];
  const take = (text) => {
    const [end, w] = [box.selectionStart, word()];
    box.setRangeText(text + " ", end - w.length, end, "end");
    list.hidden = true;
    box.focus();
  };
  const show = () => {
    const w = word().toLowerCase();
    const found = w ? fields.filter((f) => f.toLowerCase().includes(w) && f !== w).slice(0, 12) : [];
    at = 0;
    list.replaceChildren(...found.map((f, i) => {
      const item = document.createElement("li");
      item.textContent = f;
      item.role = "option";
      item.ariaSelected = String(i === 0);
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(f);
      });
      return item;
    }));
    list.style.left = `${box.offsetLeft}px`;
    list.style.top = `${box.offsetTop + box.offsetHeight}px`;
    list.hidden = found.length === 0;
  };
  box.addEventListener("input", show);
  box.addEventListener("blur", () => { list.hidden = true; });
  box.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      items[at].ariaSelected = "false";
      at = (at + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length;
      items[at].ariaSelected = "true";
      items[at].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Tab") {
      take(items[at].textContent);
    } else if (event.key === "Escape") {
      list.hidden = true;
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
