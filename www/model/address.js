// What kind of address something is.
// Must never know which one is in use.

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** Whether an address stays on this computer. */
export function isLoopback(url) {
  return URL.canParse(url) && LOOPBACK.includes(new URL(url).hostname);
}
