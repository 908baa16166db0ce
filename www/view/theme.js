// Colours: as the system wants, light, or dark. The choice is remembered.
// Must never know any view; whoever paints on a canvas is told by the callback.

import { byId, setAttribute, setText } from "./dom.js";

const STORED = "shardwire.theme";
const THEMES = ["system", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @returns {{ next: () => void }} */
export function createTheme(onChange) {
  const stored = localStorage.getItem(STORED);
  let theme = THEMES.includes(stored) ? stored : "system";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    setText(byId("theme"), `Theme: ${theme}`);
    setAttribute(byId("theme"), "aria-label", `Theme: ${theme}`);
    onChange();
  };
  const next = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(STORED, theme);
    apply();
  };
  byId("theme").addEventListener("click", next);
  dark.addEventListener("change", onChange);
  apply();
  return { next };
}
