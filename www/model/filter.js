// Turns what somebody typed into a test for events.
// Must never know where events are kept or shown.

const ONLY_NAME = /^[A-Z][A-Z_]+$/;

/**
 * Terms are separated by spaces and all must hold. A term in CAPITALS looks at the name only, any other at the name and
 * at the JSON text, without regard to case; `-term` must not be found.
 * @param {string} typed
 * @returns {(event: { name: string, raw: string }) => boolean}
 */
export function compileFilter(typed) {
  const tests = typed.trim().split(/\s+/).filter(Boolean).map(compileTerm);
  return (event) => tests.every((test) => test(event));
}

function compileTerm(term) {
  const isNegated = term.length > 1 && term.startsWith("-");
  const wanted = isNegated ? term.slice(1) : term;
  const found = ONLY_NAME.test(wanted) ? inName(wanted) : inNameOrText(wanted);
  return isNegated ? (event) => !found(event) : found;
}

function inName(wanted) {
  return (event) => event.name.includes(wanted);
}

function inNameOrText(wanted) {
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  return (event) => pattern.test(event.name) || pattern.test(event.raw);
}
