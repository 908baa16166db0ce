// Numbers, sizes and times as people read them.
// Must never know the page, the client or the state: values in, text out.

const integer = new Intl.NumberFormat("en");
const oneDigit = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `12345` as `12,345`. */
export const count = (value) => integer.format(value);

/** A rate with one digit below 100, none above. */
export const rate = (value) => (value < 100 ? oneDigit.format(value) : count(Math.round(value)));

/** `12345` as `12 k`, for axes and narrow places. */
export function short(value) {
  if (value >= 1e6) return `${trimmed(value / 1e6)} M`;
  if (value >= 1e3) return `${trimmed(value / 1e3)} k`;
  return trimmed(value);
}

/** Bytes with a decimal unit. */
export function bytes(value) {
  let unit = 0;
  let rest = value;
  while (rest >= 1000 && unit < BYTE_UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(rest) : rate(rest)} ${BYTE_UNITS[unit]}`;
}

/** A time span in the largest unit that says enough. */
export function span(ms) {
  // On loopback a round trip is a fraction of a millisecond.
  if (ms < 10 && !Number.isInteger(ms)) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${oneDigit.format(seconds)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whole seconds, for countdowns that must not flicker. */
export const seconds = (ms) => `${Math.max(0, Math.ceil(ms / 1000))} s`;

/** How long ago, in coarse steps so that rows do not jump. */
export function ago(ms) {
  if (ms < 5000) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 5000) * 5} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  return `${Math.floor(ms / 3_600_000)} h ago`;
}

/** `14:03:07`. */
export const clock = (at) => clockTime.format(at);

/** `14:03:07.042`. */
export const exactClock = (at) => `${clock(at)}.${String(at % 1000).padStart(3, "0")}`;

/** `1 event`, `2 events`. */
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** A share between 0 and 1 as whole percent. */
export const percent = (share) => `${Math.round(share * 100)} %`;

function trimmed(value) {
  return Number(value.toPrecision(3)).toString();
}
