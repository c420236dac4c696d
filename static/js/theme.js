// Loaded in the head, before anything is painted: the remembered theme, else the system's.
(() => {
  "use strict";
  let chosen = null;
  try {
    chosen = localStorage.getItem("slipway-theme");
  } catch {
    // Storage may be forbidden; the system's theme then holds.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
