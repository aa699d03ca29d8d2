// The table of runs: its columns are moved, kept in sight, hidden and made wider
// where they stand. All of it is in the page's address, so a view is a link.
import { keep, visit } from "./app.js";

const menu = () => document.getElementById("column");
const heads = () => [...document.querySelectorAll("#table th[data-key]")];
const keys = () => heads().map((th) => th.dataset.key);
const address = () => new URL(location.href);

// show goes to the view with these columns.
function show(columns, change = () => {}) {
  const url = address();
  url.searchParams.delete("col");
  for (const key of columns) url.searchParams.append("col", key);
  url.searchParams.delete("differ"); // which chooses columns itself
  change(url.searchParams);
  return visit(url);
}

function move(key, before) {
  const rest = keys().filter((k) => k !== key);
  const at = before === undefined ? rest.length : rest.indexOf(before);
  return show(rest.toSpliced(at, 0, key));
}

// without returns the values of a list in the address, but for some of them.
function drop(params, name, gone) {
  const kept = params.getAll(name).filter((value) => !gone(value));
  params.delete(name);
  for (const value of kept) params.append(name, value);
}

// then goes to the view that is sorted by this column too.
const then = (th) => visit(new URL(th.querySelector("a").dataset.then, location.href));

const acts = {
  left: (key, all, i) => i > 0 && move(key, all[i - 1]),
  right: (key, all, i) => i + 1 < all.length && move(key, all[i + 2]),
  hide: (key, all) => all.length > 1 && show(all.filter((k) => k !== key)),
  then: (key, all, i) => then(heads()[i]),
  group: (key) => {
    const url = address();
    url.searchParams.set("group", key);
    return visit(url);
  },
  pin: (key) => {
    const url = address();
    const pinned = url.searchParams.getAll("pin").includes(key);
    if (pinned) drop(url.searchParams, "pin", (value) => value === key);
    else url.searchParams.append("pin", key);
    return visit(url);
  },
};

function openMenu(button) {
  const th = button.closest("th");
  const box = menu();
  const all = keys();
  box.dataset.key = th.dataset.key;
  for (const item of box.children) {
    const i = all.indexOf(th.dataset.key);
    item.disabled = (item.dataset.column === "left" && i === 0) || (item.dataset.column === "right" && i === all.length - 1);
    if (item.dataset.column === "pin") item.textContent = th.classList.contains("pin") ? "Let it scroll" : "Keep in sight";
    if (item.dataset.column === "group") item.hidden = !("groups" in th.dataset);
  }
  box.showPopover();
  const at = button.getBoundingClientRect();
  box.style.left = `${Math.min(at.left, innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${at.bottom + 4}px`;
  box.querySelector("button:not([disabled])").focus();
}

document.addEventListener("click", async (event) => {
  const head = event.shiftKey && event.target.closest?.("#table th[data-key] a");
  if (head) {
    event.preventDefault();
    then(head.closest("th"));
    return;
  }
  const button = event.target.closest?.("button");
  if (button?.classList.contains("more")) openMenu(button);
  const act = acts[button?.dataset.column];
  if (!act) return;
  const key = menu().dataset.key;
  menu().hidePopover();
  await act(key, keys(), keys().indexOf(key));
  // The keyboard goes on where it was, if the column is still there.
  (heads().find((th) => th.dataset.key === key) ?? heads()[0])?.querySelector(".more").focus();
});

// ---- widths, as rules of a sheet that outlives each refresh of the table

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);
const narrowest = 48;

const widths = () => new Map(address().searchParams.getAll("w").map((text) => {
  const at = text.lastIndexOf(":");
  return [text.slice(0, at), Number(text.slice(at + 1))];
}));

function layOut(now = widths()) {
  while (sheet.cssRules.length) sheet.deleteRule(0);
  const rule = (i, text) => sheet.insertRule(`table.runs tr > :nth-child(${i + 3}) { ${text} }`, sheet.cssRules.length); // after the box and the name
  heads().forEach((th, i) => {
    const width = now.get(th.dataset.key);
    if (width >= narrowest) rule(i, `width: ${width}px; min-width: ${width}px; max-width: ${width}px`);
  });
  let left = document.querySelector("#table thead th.pin")?.offsetWidth ?? 0;
  heads().forEach((th, i) => {
    if (!th.classList.contains("pin")) return;
    rule(i, `left: ${left}px`);
    left += th.offsetWidth;
  });
}

function setWidth(th, width) {
  const now = widths();
  now.set(th.dataset.key, Math.max(Math.round(width), narrowest));
  layOut(now);
  return now;
}

// remember puts the widths into the address, without going anywhere.
function remember(now) {
  const url = address();
  url.searchParams.delete("w");
  for (const [key, width] of now) url.searchParams.append("w", `${key}:${width}`);
  history.replaceState(null, "", url);
  // The form that asks for the next view has them too.
  const form = document.querySelector("form.query");
  form.querySelectorAll("input[name=w]").forEach((field) => field.remove());
  for (const [key, width] of now) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "w", value: `${key}:${width}` }));
}

document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.(".grip");
  if (!grip) return;
  event.preventDefault();
  const th = grip.closest("th");
  const offset = th.offsetWidth - event.clientX;
  grip.setPointerCapture(event.pointerId);
  const drag = (e) => setWidth(th, e.clientX + offset);
  grip.addEventListener("pointermove", drag);
  grip.addEventListener("pointerup", (e) => {
    grip.removeEventListener("pointermove", drag);
    remember(drag(e));
  }, { once: true });
});

document.addEventListener("keydown", (event) => {
  if (!event.target.classList?.contains("grip")) return;
  const by = { ArrowLeft: -16, ArrowRight: 16 }[event.key];
  if (!by) return;
  event.preventDefault();
  const th = event.target.closest("th");
  remember(setWidth(th, th.offsetWidth + by));
});

// Enter in the field for a tag means its button, not the form's first.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("#table .sheet input")) return;
  event.preventDefault();
  event.target.parentElement.querySelector("button").click();
});

// ---- moving by hand

let held = null;
document.addEventListener("dragstart", (event) => {
  held = event.target.closest?.("#table th[data-key]")?.dataset.key ?? null;
  if (held) event.dataTransfer.effectAllowed = "move";
});
const below = (event) => (held ? event.target.closest?.("#table th[data-key]") : null);
document.addEventListener("dragover", (event) => {
  const th = below(event);
  for (const other of heads()) other.classList.toggle("over", other === th);
  if (th) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  const th = below(event);
  if (!th) return;
  event.preventDefault();
  if (th.dataset.key !== held) move(held, th.dataset.key);
  held = null;
});

// ---- scrolling on: the next page of the table comes when the last row is in sight

const rowsMost = 10000;
let loading = false;

async function more(link) {
  if (loading || document.querySelectorAll("#table tr[data-run]").length >= rowsMost) return;
  loading = true;
  try {
    // The table's columns, whatever the runs of that page would have for themselves.
    const url = new URL(link.href);
    url.searchParams.delete("differ");
    url.searchParams.delete("col");
    for (const key of keys()) url.searchParams.append("col", key);
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    if (!answer.ok || !link.isConnected) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const there = new Set([...document.querySelectorAll("#table tr[data-run]")].map((row) => row.dataset.run));
    // A run that has started since has pushed another onto the next page.
    const rows = [...next.querySelectorAll("#table tr[data-run]")].filter((row) => !there.has(row.dataset.run));
    for (const row of rows) row.dataset.more = "";
    document.querySelector("#table tbody").append(...rows);
    const after = next.querySelector("nav.pages a[rel=next]");
    if (after) link.replaceWith(after);
    else link.remove();
    const count = document.querySelector("[data-live=count]");
    count.textContent = count.textContent.replace(/–\d+/, `–${document.querySelectorAll("#table tr[data-run]").length}`);
  } finally {
    loading = false;
    watchEnd();
  }
}

let ends = null;

function watchEnd() {
  ends?.disconnect();
  const link = document.querySelector("nav.pages a[rel=next]");
  const last = document.querySelector("#table tbody tr:last-child");
  // From a later page there is no way up but its own link.
  if (!link || !last || document.querySelector("nav.pages a[rel=prev]")) return;
  ends = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) more(link);
  }, { root: last.closest(".scroll"), rootMargin: "600px" });
  ends.observe(last);
}

// ---- a metric at a step, and the names of views

function addAt(box) {
  const value = (name) => box.querySelector(`[data-at=${name}]`).value.trim();
  const [metric, step] = [value("metric"), value("step")];
  if (metric && /^-?\d+$/.test(step)) show([...keys(), `at.${step}.${metric}`]);
}

const stored = "assay.views";
const views = () => JSON.parse(localStorage.getItem(stored) ?? "[]");

function listViews(box) {
  const list = box.querySelector("ul");
  list.replaceChildren(...views().map(([name, search]) => {
    const item = document.createElement("li");
    const link = Object.assign(document.createElement("a"), { textContent: name, href: `/runs${search}` });
    const forget = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×", ariaLabel: `Forget ${name}` });
    forget.addEventListener("click", () => save(box, views().filter(([other]) => other !== name)));
    item.append(link, forget);
    return item;
  }));
}

function save(box, all) {
  localStorage.setItem(stored, JSON.stringify(all));
  listViews(box);
}

keep(() => {
  for (const th of heads()) {
    if (th.querySelector(".grip")) continue;
    th.draggable = true;
    const label = th.textContent.trim();
    const more = Object.assign(document.createElement("button"), { type: "button", className: "more quiet", textContent: "⋯", ariaLabel: `Column ${label}` });
    const grip = Object.assign(document.createElement("span"), { className: "grip", tabIndex: 0, role: "separator", ariaLabel: `Width of ${label}`, ariaOrientation: "vertical" });
    th.append(more, grip);
  }
  layOut();
  watchEnd();
  const at = document.querySelector(".at-step");
  if (at?.hidden) {
    at.hidden = false;
    at.querySelector("button").addEventListener("click", () => addAt(at));
  }
  const box = document.querySelector(".views");
  if (box?.hidden) {
    box.hidden = false;
    listViews(box);
    const name = box.querySelector("input");
    box.querySelector("button").addEventListener("click", () => {
      if (name.value.trim()) save(box, [...views().filter(([other]) => other !== name.value.trim()), [name.value.trim(), location.search]]);
    });
  }
});
