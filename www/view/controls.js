// The buttons of the top line, and the stage of the page: before the first connection only the form matters.
// Must never know the worker.

import { isLively } from "../store.js";
import { byId, setAttribute, setDisabled } from "./dom.js";

export function createControlsView(actions) {
  for (const name of ["reconnect", "resume", "close"]) byId(name).addEventListener("click", actions[name]);

  return (state) => {
    const isOver = !state.isStarted || state.status === "stopped" || state.status === "closing";
    setDisabled(byId("reconnect"), isOver);
    setDisabled(byId("resume"), isOver || !state.snapshot?.session);
    setDisabled(byId("close"), !isLively(state) && state.status !== "disconnected");
    setAttribute(document.body, "data-stage", state.isStarted || state.snapshot ? "running" : "fresh");
  };
}
