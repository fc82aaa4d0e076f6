// Light or dark: the system's choice until the reader makes their own, which this browser then remembers.
// Loaded before the page is painted, so that it never flashes in the other theme.
(function () {
  "use strict";
  const KEY = "spanwise-theme";
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be switched off; the choice then lasts for this page
    }
  }

  function remember(theme) {
    try {
      if (theme) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
    } catch {
      /* as above */
    }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  function toggle() {
    const system = prefersDark.matches ? "dark" : "light";
    const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    const choice = next === system ? null : next; // back at the system's theme: follow it again
    apply(choice);
    remember(choice);
  }

  apply(stored());
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) apply(event.newValue);
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-theme-toggle]")) toggle();
  });
})();
