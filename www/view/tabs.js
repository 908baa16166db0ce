// The row of views: one is shown at a time. On wide screens the timeline has a column of its own and leaves the row.
// Must never know what the views hold. A fleet view joins by one more tab and panel in index.html.

import { byId, setAttribute, setHidden } from "./dom.js";

const wide = matchMedia("(min-width: 1800px)");

export function createTabsView(actions) {
  const tabs = [...byId("tabs").children];
  byId("tabs").addEventListener("click", ({ target }) => target.dataset.view && actions.showView(target.dataset.view));
  byId("tabs").addEventListener("keydown", (event) => onKey(event, tabs, actions));
  wide.addEventListener("change", actions.redraw);

  return (state) => {
    const shown = wide.matches && state.view === "timeline" ? "events" : state.view;
    document.body.dataset.view = shown;
    for (const tab of tabs) {
      const { view } = tab.dataset;
      const isShown = view === shown;
      const isDocked = view === "timeline" && wide.matches;
      setAttribute(tab, "aria-selected", isShown);
      tab.tabIndex = isShown ? 0 : -1;
      setHidden(tab, isDocked);
      setHidden(byId(`view-${view}`), !isShown && !isDocked);
      dress(byId(`view-${view}`), tab, isDocked);
    }
  };
}

/** A docked panel is a region of its own, no longer the panel of a tab. */
function dress(panel, tab, isDocked) {
  setAttribute(panel, "role", isDocked ? "region" : "tabpanel");
  if (isDocked) setAttribute(panel, "aria-label", tab.textContent);
  else panel.removeAttribute("aria-label");
  if (isDocked) panel.removeAttribute("aria-labelledby");
  else setAttribute(panel, "aria-labelledby", tab.id);
}

/** The views that have a tab now, in order. */
export function viewNames() {
  return [...byId("tabs").children].filter((tab) => !tab.hidden).map((tab) => tab.dataset.view);
}

function onKey(event, tabs, actions) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const open = tabs.filter((tab) => !tab.hidden);
  const next = open[(open.indexOf(event.target) + step + open.length) % open.length];
  actions.showView(next.dataset.view);
  next.focus();
}
