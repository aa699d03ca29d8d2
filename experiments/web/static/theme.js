// Light or dark: the system's choice until the reader makes one. Runs before the
// page is painted, so that it never flashes.
(() => {
  "use strict";
  const root = document.documentElement;
  let kept = null;
  try {
    kept = localStorage.getItem("assay-theme");
  } catch {
    // A file on disk may have no storage.
  }
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try {
        localStorage.setItem("assay-theme", root.dataset.theme);
      } catch {
        // Then it holds for this page.
      }
    });
  });
})();
