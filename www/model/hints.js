// Advice about cost: what is paid for, and how to pay less.
// Must never know the page; totals in, sentences out.

import { intentOf } from "./intents.js";
import { bytes, percent } from "./format.js";

const ENOUGH_EVENTS = 100;
const LARGE_SHARE = 0.2;
const BUSY_SHARE = 0.3;

/**
 * @param {{ name: string, count: number, bytes: number }[]} totals
 * @param {{ wireBytes: number, inflatedBytes: number }} counters
 * @param {{ compression: string, encoding: string } | null} options
 */
export function hints(totals, counters, options) {
  const events = sum(totals, "count");
  if (events < ENOUGH_EVENTS) return [];
  return [
    ...compressionHints(counters, options ?? {}),
    ...totals.filter((row) => row.bytes > LARGE_SHARE * sum(totals, "bytes")).map((row) => sizeHint(row, totals)),
    ...totals.filter((row) => row.count > BUSY_SHARE * events && row.bytes <= LARGE_SHARE * sum(totals, "bytes"))
      .map((row) => `${row.name} is ${percent(row.count / events)} of your events. ${remedy(row.name)}`),
  ];
}

function compressionHints({ wireBytes, inflatedBytes }, { compression, encoding }) {
  if (compression === "none") return ["Compression is off. zlib-stream usually takes four fifths off the wire."];
  if (wireBytes === 0) return [];
  // What was inflated is counted as JSON, whatever it came as.
  const saving = encoding === "etf" ? "Compression and ETF save" : "Compression saves";
  const saved = `${saving} ${percent(1 - wireBytes / inflatedBytes)}: ${bytes(wireBytes)} instead of ${bytes(inflatedBytes)}.`;
  const isPartial = compression === "payload";
  return isPartial ? [`${saved} It leaves small messages as they are; zlib-stream would take more off.`] : [saved];
}

function sizeHint(row, totals) {
  const share = row.bytes / sum(totals, "bytes");
  return `${row.name} is ${percent(share)} of your bytes. ${remedy(row.name)}`;
}

function remedy(name) {
  if (name === "GUILD_CREATE") return "A lower large threshold sends fewer members with each guild.";
  const intent = intentOf(name);
  return intent
    ? `If you do not need it, drop the intent ${intent} or filter the name.`
    : "It comes with every intent; if you do not need it, filter the name.";
}

function sum(rows, field) {
  return rows.reduce((total, row) => total + row[field], 0);
}
