// Draws the figures of a page with ECharts. A figure carries its option as JSON;
// this file decides how figures look: colours for light and dark, tooltips,
// numbers. It runs in notebook cells, on assay's pages and in exported files.
(() => {
  "use strict";
  const assay = (window.__assay ??= {});
  if (assay.draw) return; // an earlier cell brought the driver

  let echarts = window.echarts;
  const byID = new Map(); // figure id → the entry that a later figure of this id takes over
  const drawn = new Set(); // {host, chart, figure, dark} of every chart

  // format writes a number for people, as charts.Format does in Go, where it groups no digits.
  function format(x) {
    if (x === null || x === undefined || Number.isNaN(x)) return "–";
    if (typeof x !== "number") return String(x);
    if (x === 0) return "0";
    const size = Math.abs(x);
    if (Number.isInteger(x) && size < 1e9) return x.toLocaleString("en").replaceAll(",", "\u2009");
    if (size >= 1e6 || size < 1e-4) return x.toExponential(3);
    return x.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size))));
  }

  // tick writes a number on an axis, where neighbours share their precision.
  const tick = (x) => (Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-4) ? Number(x.toPrecision(3)).toExponential() : format(x).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, ""));

  // onDark tells whether text around the element is light. It asks the page
  // rather than the system, so it is right in every notebook's theme.
  function onDark(element) {
    const [r, g, b] = (getComputedStyle(element).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b > 140;
  }

  function theme(dark) {
    const ink = dark ? "#aab0ba" : "#5a616b";
    const rule = dark ? "#2b3038" : "#eceef1";
    const line = dark ? "#4a515c" : "#c9cdd3";
    const axis = {
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { color: ink, hideOverlap: true },
      nameTextStyle: { color: ink },
      splitLine: { lineStyle: { color: rule } },
    };
    return {
      backgroundColor: "transparent",
      textStyle: { fontFamily: "system-ui, sans-serif", color: ink },
      legend: { textStyle: { color: ink }, pageTextStyle: { color: ink }, pageIconColor: ink, inactiveColor: line },
      tooltip: {
        backgroundColor: dark ? "#22262d" : "#ffffff",
        borderColor: dark ? "#3a414b" : "#dfe2e6",
        textStyle: { color: dark ? "#e4e6ea" : "#1c2024", fontSize: 12 },
        axisPointer: { lineStyle: { color: line }, crossStyle: { color: line } },
      },
      valueAxis: axis, logAxis: axis, timeAxis: axis,
      categoryAxis: { ...axis, splitLine: { show: false } },
    };
  }

  const band = (series) => typeof series.stack === "string" && series.stack.startsWith("band ");

  function element(tag, text, style) {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    Object.assign(e.style, style);
    return e;
  }

  // tip builds a tooltip from text nodes, so that no name is read as HTML.
  function tip(option) {
    return (params) => {
      const quiet = (series) => band(series) || (series.type === "line" && !series.name);
      const list = (Array.isArray(params) ? params : [params]).filter((p) => !quiet(option.series[p.seriesIndex] ?? {}));
      if (list.length === 0) return "";
      const box = element("div", undefined, { fontVariantNumeric: "tabular-nums" });
      if (list[0].seriesType === "graph") {
        if (list[0].dataType === "edge") return "";
        for (const line of list[0].name.split("\n")) box.append(element("div", line, {}));
        return box;
      }
      const rowNames = option.yAxis?.[0]?.type === "category" && option.yAxis[0].data;
      if (rowNames && list[0].seriesType === "scatter") {
        const [x, y, of] = list[0].value;
        const row = Math.floor(y);
        box.append(element("div", of === undefined ? rowNames[row] : `${rowNames[row]} = ${format(of)}`, { opacity: 0.7 }));
        box.append(element("b", of === undefined ? option.yAxis[1].data[row] : format(x), { fontWeight: 600 }));
        return box;
      }
      if (option.parallelAxis) {
        box.append(element("b", list[0].name, { fontWeight: 600 }));
        option.parallelAxis.forEach((axis, i) => box.append(element("div", `${axis.name} ${format(list[0].value[i])}`, {})));
        return box;
      }
      const first = list[0];
      const marked = (p) => p.seriesType === "scatter" && option.series[p.seriesIndex]?.yAxisIndex === 1; // not finite
      const pair = Array.isArray(first.value) && (first.value.length === 2 || marked(first));
      const axisName = option.xAxis?.[0]?.name ?? "";
      const place = option.xAxis?.[0]?.type === "time" ? (x) => new Date(x).toLocaleString() : format;
      box.append(element("div", pair ? `${axisName} ${place(first.value[0])}` : first.name, { opacity: 0.7, marginBottom: "2px" }));
      const value = (p) => (marked(p) ? -Infinity : Array.isArray(p.value) ? p.value.at(-1) : p.value);
      const written = (p) => (marked(p) ? `${format(p.value[3])} up to ${place(p.value[2])}` : format(value(p)));
      for (const p of list.toSorted((a, b) => value(b) - value(a)).slice(0, 16)) {
        const row = element("div", undefined, { display: "flex", gap: "8px", alignItems: "center" });
        row.append(
          element("span", "", { width: "10px", height: "3px", background: typeof p.color === "string" ? p.color : "currentColor", flex: "none" }),
          element("span", p.seriesName, { maxWidth: "22em", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" }),
          element("b", written(p), { marginLeft: "auto", paddingLeft: "12px", fontWeight: 600 }));
        box.append(row);
      }
      if (list.length > 16) box.append(element("div", `and ${list.length - 16} more`, { opacity: 0.7 }));
      return box;
    };
  }

  // violin draws the outline that charts.Spread has made: the group's place, the
  // ends, the number of points, then each point's y and its share of the width.
  function violin(_, api) {
    const at = api.value(0);
    const half = api.size([1, 0])[0] * 0.36;
    const right = [];
    const left = [];
    for (let k = 0; k < api.value(3); k++) {
      const [x, y] = api.coord([at, api.value(4 + 2 * k)]);
      right.push([x + half * api.value(5 + 2 * k), y]);
      left.unshift([x - half * api.value(5 + 2 * k), y]);
    }
    return { type: "polygon", silent: true, shape: { points: [...right, ...left] }, style: { fill: api.visual("color"), opacity: 0.16 } };
  }

  // dress adds to a figure's option what is a matter of looks.
  function dress(option) {
    for (const key of ["xAxis", "yAxis"]) {
      if (option[key] && !Array.isArray(option[key])) option[key] = [option[key]];
      for (const axis of option[key] ?? []) {
        if (axis.type === "log" && axis.max) {
          axis.axisLabel = { showMinLabel: false, showMaxLabel: false };
          if (axis.max / axis.min < 60) axis.logBase = 2; // powers of ten would leave it one tick
        }
        if (axis.type === "value" || axis.type === "log") axis.axisLabel = { ...axis.axisLabel, formatter: tick };
        if (key === "yAxis" && axis.type === "category" && !axis.gridIndex) axis.axisLabel = { ...axis.axisLabel, width: 200, overflow: "truncate" };
        if (key === "xAxis" && option.yAxis?.[0]?.type === "category") axis.axisLine = { ...axis.axisLine, onZero: false };
        if (axis.gridIndex) Object.assign(axis, { axisPointer: { show: false, triggerTooltip: false }, axisLabel: { ...axis.axisLabel, fontWeight: 600 } });
        if (key === "yAxis" && axis.nameLocation === "start") Object.assign(axis, { nameGap: 8, nameTextStyle: { align: axis.inverse ? "left" : "right" } });
        if (key === "yAxis" && axis.nameLocation === "end") Object.assign(axis, { nameGap: 10, nameTextStyle: { align: "left" } });
      }
    }
    option.series ??= [];
    if (!Array.isArray(option.series)) option.series = [option.series];
    for (const series of option.series) {
      // Stacked by sign, as is the default, a band that begins below zero would end too high.
      if (band(series)) Object.assign(series, { silent: true, symbol: "none", stackStrategy: "all" });
      if (series.type === "line") Object.assign(series, { symbolSize: 5, emphasis: { disabled: true } });
      if (series.type === "graph") {
        // Boxes are pale on every page, so their text is dark.
        const font = { color: "#1c2024", lineHeight: 15, fontSize: 11 };
        series.label = { show: true, position: "inside", ...font, formatter: (p) => p.name.split("\n").map((line, i, all) => `{${i < all.length - 1 ? "q" : "a"}|${line}}`).join("\n"),
          rich: { q: { ...font, fontWeight: 600 }, a: font } };
        series.itemStyle = { borderWidth: 1 };
        series.lineStyle = { color: "#8a8f98", opacity: 0.45 };
        series.edgeLabel = { color: "#7d828c", fontSize: 11 };
        series.emphasis = { disabled: true };
      }
      if (series.type === "custom") Object.assign(series, { renderItem: violin, encode: { x: 0, y: [1, 2] }, silent: true });
      if (series.type === "boxplot") Object.assign(series, { boxWidth: [8, 28], silent: true });
      if (series.type === "heatmap" && series.label?.show) series.label = { ...series.label, formatter: (p) => format(p.value[2]) };
    }
    // go-echarts leaves out a dimension that is 0.
    option.parallelAxis?.forEach((axis, i) => {
      axis.dim = i;
      if (axis.type === "value") Object.assign(axis, { scale: true, axisLabel: { formatter: tick } });
    });
    option.tooltip = { confine: true, ...option.tooltip, formatter: tip(option) };
    delete option.table; // the figure's numbers, which stand below it as HTML
    option.aria = { enabled: false }; // the figure has its own label and table
    option.animation = false;
    if (option.legend?.show !== false) option.legend = { itemWidth: 18, itemHeight: 10, top: 0, left: 0, padding: [4, 0], ...option.legend };
    const dots = (name) => option.series.some((s) => s.name === name && s.type === "scatter");
    if (!option.legend?.data?.some(dots)) option.legend = { itemStyle: { opacity: 0 }, ...option.legend };
    if (option.legend?.show && option.grid) {
      for (const grid of [option.grid].flat().slice(0, 1)) grid.top = Math.max(Number(grid.top) || 0, 30) + (option.yAxis?.[0]?.name ? 18 : 0);
    }
    return option;
  }

  function optionOf(figure) {
    const script = figure.querySelector(":scope > script[type='application/json']");
    return script && dress(JSON.parse(script.textContent));
  }

  // offer adds buttons that save a drawn figure as a file.
  function offer(figure, chart, option) {
    const caption = figure.querySelector("figcaption");
    if (!caption || caption.querySelector(".assay-save")) return;
    const save = (url, type) => {
      const link = document.createElement("a");
      link.href = url;
      link.download = `${figure.dataset.figure.replaceAll(/[^\w.-]+/g, "_")}.${type}`;
      link.click();
    };
    const saves = {
      png: () => save(chart.getDataURL({ type: "png", pixelRatio: 3, backgroundColor: onDark(figure) ? "#14171c" : "#ffffff" }), "png"),
      svg: () => {
        const paper = echarts.init(null, theme(false), { renderer: "svg", ssr: true, width: chart.getWidth(), height: chart.getHeight() });
        paper.setOption({ ...option, ...chart.getOption(), animation: false, tooltip: undefined });
        const url = URL.createObjectURL(new Blob([paper.renderToSVGString()], { type: "image/svg+xml" }));
        save(url, "svg");
        setTimeout(() => URL.revokeObjectURL(url), 10000);
        paper.dispose();
      },
    };
    const box = element("span", undefined, {});
    box.className = "assay-save";
    for (const [type, act] of Object.entries(saves)) {
      const button = element("button", type.toUpperCase(), {});
      button.type = "button";
      button.ariaLabel = `Save ${caption.textContent} as ${type.toUpperCase()}`;
      button.addEventListener("click", act);
      box.append(button);
    }
    caption.append(box);
  }

  function drawOne(figure) {
    const plot = figure.querySelector(".assay-plot");
    const option = optionOf(figure);
    if (!plot || !option) return;
    const minWidth = option.minWidth ?? 0;
    delete option.minWidth;
    figure.dataset.drawn = "1";
    const id = figure.dataset.figure;
    let entry = byID.get(id);
    if (!entry || entry.host.isConnected) {
      const host = element("div", undefined, { position: "absolute", inset: "0", minWidth: `${minWidth}px` });
      plot.append(host);
      plot.style.height = `${figure.dataset.height}px`;
      entry = { host, chart: echarts.init(host, theme(onDark(figure))), dark: onDark(figure) };
      new ResizeObserver(() => entry.host.isConnected && entry.chart.resize()).observe(host);
      drawn.add(entry);
      if (!byID.has(id)) byID.set(id, entry);
    }
    // The figure that was here before is gone: its canvas moves in, already
    // painted, so that an update does not flash.
    plot.style.height = `${figure.dataset.height}px`;
    plot.replaceChildren(entry.host);
    entry.figure = figure;
    entry.chart.setOption(option, { notMerge: true });
    offer(figure, entry.chart, option);
    figure.dispatchEvent(new CustomEvent("assay:drawn", { bubbles: true, detail: entry.chart }));
  }

  // draw draws every figure below root that is not drawn yet.
  assay.draw = (root = document) => {
    if (!echarts) return;
    for (const figure of root.querySelectorAll(".assay-figure:not([data-drawn])")) {
      try {
        drawOne(figure);
      } catch (err) {
        console.error(`figure ${figure.dataset.figure}:`, err); // its still picture stays
      }
    }
  };

  // update gives a drawn figure a new option.
  assay.update = (figure, option) => {
    const chart = assay.chart(figure);
    if (chart) chart.setOption(dress(option), { notMerge: false, replaceMerge: ["series"] });
  };

  assay.chart = (figure) => echarts?.getInstanceByDom(figure.querySelector(".assay-plot > div"));
  assay.format = format;
  assay.charts = () => [...drawn].map((entry) => entry.chart);

  // unpack starts the library from its gzipped base64, once in a page. The
  // module wrapper keeps it from a notebook's own module loader.
  assay.unpack = async (base64) => {
    if (!echarts) {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const source = await new Response(stream).text();
      const module = { exports: {} };
      if (!echarts) {
        new Function("exports", "module", source)(module.exports, module);
        echarts = module.exports;
      }
    }
    assay.draw();
  };

  // A page that changes between light and dark takes its charts along.
  function repaint() {
    for (const entry of drawn) {
      if (!entry.host.isConnected || entry.dark === onDark(entry.figure)) continue;
      entry.dark = !entry.dark;
      entry.chart.setTheme(theme(entry.dark));
    }
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  matchMedia("print").addEventListener("change", repaint); // paper is light
  const watch = new MutationObserver(() => requestAnimationFrame(repaint));
  for (const root of [document.documentElement, document.body]) {
    if (root) watch.observe(root, { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light", "data-vscode-theme-kind"] });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => assay.draw());
  else assay.draw();
})();
