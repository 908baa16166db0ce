// Buttons that ask the mock gateway to misbehave.
// Must never know the payloads; the table in model/faults.js does.

import { FAULTS } from "../model/faults.js";
import { byId, make, setHidden } from "./dom.js";

export function createFaultsView(actions) {
  byId("fault-buttons").append(...FAULTS.map((fault) => makeFault(fault, actions)));
  return ({ config }) => setHidden(byId("faults"), !config.mock);
}

function makeFault(fault, actions) {
  const button = make("button", { type: "button", title: fault.hint, "data-testid": `fault-${fault.id}` }, fault.label);
  const field = fault.value ? makeField(fault) : null;
  button.addEventListener("click", () => {
    if (field && !field.reportValidity()) return;
    actions.inject(fault, field ? Number(field.value) : undefined);
  });
  return make("div", { class: "fault" }, button, ...(field ? [field] : []));
}

function makeField({ id, value }) {
  return make("input", {
    type: "number",
    required: true,
    min: String(value.min),
    max: String(value.max),
    value: String(value.initial),
    "aria-label": value.label,
    "data-testid": `fault-${id}-value`,
  });
}
