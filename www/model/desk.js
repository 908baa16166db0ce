// Keeps the newest events with their full text, and answers about them: rows for the list, previews, details, pins.
// Must never know the client or the page; events come in, messages come out.

import { compileFilter } from "./filter.js";
import { describe } from "./describe.js";
import { Ring } from "./ring.js";

const MAX_KEPT = 10_000;
const MAX_KEPT_SIZE = 48_000_000;
const MAX_PREVIEWS = 60;
const MAX_PARSED_SIZE = 200_000;

/** @typedef {{ id: number, at: number, name: string, sequence: number, size: number, preview: string | null }} Row */

export class Desk {
  #ring = new Ring(MAX_KEPT, MAX_KEPT_SIZE);
  /** The ring as it was when the list was paused. */
  #held = null;
  #pins = new Map();
  #matches = compileFilter("");
  #filterNumber = 0;
  #nextId = 1;
  #fresh = [];
  #counts = new Map();
  #newer = 0;

  /** @returns {number} the id that the event has from now on */
  add(event, at) {
    const { name, sequence, raw } = event;
    const kept = { id: this.#nextId, at, name, sequence, raw, event };
    this.#nextId += 1;
    this.#ring.push(kept);
    this.#tally(name, raw.length);
    if (this.#matches(kept)) this.#note(kept);
    return kept.id;
  }

  /** What has come since the last call. */
  takeFresh() {
    const rows = toRows(this.#fresh);
    const counts = [...this.#counts].map(([name, { count, size }]) => [name, count, size]);
    this.#fresh = [];
    this.#counts = new Map();
    return { rows, counts, newer: this.#newer, filterNumber: this.#filterNumber, oldestId: this.#shown.oldestId };
  }

  /** Changes the filter; the answer is the whole list under it. */
  filter(typed, number) {
    this.#matches = compileFilter(typed);
    this.#filterNumber = number;
    return this.#list();
  }

  /** Sets the present list aside, unchanged until it is let go; then the answer is the whole list of that moment. */
  hold(isHeld) {
    this.#held = isHeld ? this.#ring.copy() : null;
    return isHeld ? null : this.#list();
  }

  pin(id, isPinned) {
    const kept = this.#find(id);
    if (isPinned && kept) this.#pins.set(id, kept);
    else this.#pins.delete(id);
  }

  /** Full text and parsed data of one event, or `null` if it is no longer kept. */
  detail(id) {
    const kept = this.#find(id);
    return kept ? { raw: kept.raw, data: kept.event.data, row: toRow(kept) } : null;
  }

  previews(ids) {
    return ids.map((id) => [id, this.#find(id)]).map(([id, kept]) => [id, kept ? preview(kept) : ""]);
  }

  get #shown() {
    return this.#held ?? this.#ring;
  }

  #list() {
    this.#fresh = [];
    this.#newer = 0;
    const rows = toRows(this.#shown.toArray().filter(this.#matches));
    return { rows, filterNumber: this.#filterNumber };
  }

  #note(kept) {
    if (this.#held) this.#newer += 1;
    else this.#fresh.push(kept);
  }

  #tally(name, size) {
    const entry = this.#counts.get(name) ?? { count: 0, size: 0 };
    entry.count += 1;
    entry.size += size;
    this.#counts.set(name, entry);
  }

  #find(id) {
    return this.#pins.get(id) ?? this.#held?.find(id) ?? this.#ring.find(id);
  }
}

/** Only the newest rows get their preview at once; the list asks for the others when they come into sight. */
function toRows(items) {
  const firstWithPreview = items.length - MAX_PREVIEWS;
  return items.map((kept, place) => toRow(kept, place >= firstWithPreview));
}

/** @returns {Row} */
function toRow(kept, hasPreview = true) {
  const { id, at, name, sequence, raw } = kept;
  return { id, at, name, sequence, size: raw.length, preview: hasPreview ? preview(kept) : null };
}

function preview({ name, raw }) {
  return describe(name, raw.length > MAX_PARSED_SIZE ? null : JSON.parse(raw), raw);
}
