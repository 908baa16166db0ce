// The newest events, bounded by number and by size.
// Must never know the client or the page.

/** @typedef {{ id: number, at: number, name: string, sequence: number, raw: string, event: object }} Kept */

export class Ring {
  /** @type {Kept[]} */
  #items = [];
  #start = 0;
  #size = 0;

  constructor(maxItems, maxSize) {
    this.maxItems = maxItems;
    this.maxSize = maxSize;
  }

  push(item) {
    this.#items.push(item);
    this.#size += item.raw.length;
    while (this.length > this.maxItems || (this.#size > this.maxSize && this.length > 1)) {
      this.#size -= this.#items[this.#start].raw.length;
      this.#items[this.#start] = undefined;
      this.#start += 1;
    }
    if (this.#start > this.maxItems) this.#compact();
  }

  get length() {
    return this.#items.length - this.#start;
  }

  /** 0 if there is none. */
  get oldestId() {
    return this.length === 0 ? 0 : this.#items[this.#start].id;
  }

  /** Ids rise by one, so the place of an event follows from the id of the oldest. */
  find(id) {
    if (this.length === 0) return undefined;
    const place = this.#start + id - this.#items[this.#start].id;
    return place < this.#start ? undefined : this.#items[place];
  }

  /** Oldest first. */
  toArray() {
    return this.#items.slice(this.#start);
  }

  /** A ring with the same items; the two change apart. */
  copy() {
    const twin = new Ring(this.maxItems, this.maxSize);
    twin.#items = this.toArray();
    twin.#size = this.#size;
    return twin;
  }

  #compact() {
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
  }
}
