// What of the page can be linked: filter, view and gateway address, in the URL's fragment.
// Must never know the token.

const FIELDS = ["gateway", "view", "filter"];

/** @returns {{ gateway?: string, view?: string, filter?: string }} */
export function readLink(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return Object.fromEntries(FIELDS.filter((field) => parameters.get(field)).map((field) => [field, parameters.get(field)]));
}

export function writeLink(values) {
  const pairs = FIELDS.filter((field) => values[field]).map((field) => `${field}=${encode(values[field])}`);
  return pairs.length ? `#${pairs.join("&")}` : "";
}

/** Addresses stay readable: `:` and `/` need no escape in a fragment. */
function encode(value) {
  return encodeURIComponent(value).replaceAll("%3A", ":").replaceAll("%2F", "/");
}
