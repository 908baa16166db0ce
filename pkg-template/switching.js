// From one number of shards to another while events go on: which of two copies of an event is handed on, and when the old shards
// may go. Knows shards by their events. What the crate's `driver::reshard` does, where it says why.

/** Events that may wait for their copy, and copies that are remembered; and characters of either. More means a side is stuck. */
const MOST = 65_536;
const MOST_CHARACTERS = 64 << 20;
/**
 * Acknowledgements after which an old shard has received all from before: the heartbeat of the second was sent after the first
 * came, and answers queue behind events.
 */
const ACKNOWLEDGEMENTS = 2;

const decoder = new TextDecoder();

export class Switching {
  /** Whether events come from the new shards by now. */
  isOver = false;
  /** Whether a side was stuck, so that the old shards go on. */
  isGivenUp = false;
  /** New shards that were not ready yet. */
  #unready;
  /** What each old shard has shown since all new ones are ready. */
  #old;
  /** Guilds that new sessions have not told of yet, which is no news. */
  #guilds = new Set();
  /** What the old shards told and no new one yet, in order; and what new ones told and no old one yet. */
  #told = new Copies();
  #held = new Copies();

  /** Pairs of number and whether it is ready; and the numbers of the new shards. */
  constructor(old, next) {
    this.#old = new Map(old.map(([number, isReady]) => [number, { isReady, acknowledgements: 0 }]));
    this.#unready = new Set(next);
  }

  /** Those of these events of an old shard that are to be handed on. */
  hearOld(events) {
    return events.filter((event) => {
      this.#observe(event);
      if (event.type !== "dispatch") return true;
      // On their way out, what they say was said or will be.
      if (this.isOver) return false;
      if (this.isGivenUp) return true;
      // Its copy is not needed, now or when it comes.
      if (!this.#held.takeLike(event)) this.#told.add(event);
      // What is remembered longest is from before the new sessions, or was matched long ago.
      while (this.#told.isTooMuch) this.#told.takeOldest();
      return true;
    });
  }

  /** Those of these events of a new shard that are to be handed on now. */
  hearNew(events) {
    return events.filter((event) => {
      if (event.type === "status" && event.status === "ready") this.#unready.delete(event.shardId);
      if (event.type !== "dispatch") return true;
      if (this.isGivenUp || this.#isOfTheBeginning(event) || this.#told.takeLike(event)) return false;
      if (this.isOver) return true;
      this.#held.add(event);
      this.isGivenUp = this.#held.isTooMuch;
      return false;
    });
  }

  /** If it is time to go over to the new shards: what they held back. Else `null`. */
  turn() {
    if (this.isOver || this.isGivenUp || this.#unready.size > 0) return null;
    const isThrough = ({ isReady, acknowledgements }) => isReady && acknowledgements >= ACKNOWLEDGEMENTS;
    if (![...this.#old.values()].every(isThrough)) return null;
    this.isOver = true;
    return this.#held.takeAll();
  }

  #observe({ type, status, shardId }) {
    if (type === "status") this.#old.set(shardId, { isReady: status === "ready", acknowledgements: 0 });
    else if (type === "stopped") this.#old.delete(shardId);
    else if (type === "heartbeat" && this.#unready.size === 0) this.#old.get(shardId).acknowledgements += 1;
  }

  /** Whether an event only tells a new session what there is. */
  #isOfTheBeginning(event) {
    if (event.name === "RESUMED") return true;
    if (event.name === "READY") {
      for (const guild of dataOf(event)?.guilds ?? []) this.#guilds.add(guild?.id);
      return true;
    }
    return event.name === "GUILD_CREATE" && this.#guilds.delete(dataOf(event)?.id);
  }
}

/** What a server sends may be no JSON. */
function dataOf(event) {
  try {
    return event.data;
  } catch {
    return undefined;
  }
}

/** Events, to be found by their copies: the same name and the same text of the data. */
class Copies {
  /** In the order in which they came. */
  #entries = new Set();
  #byText = new Map();
  #characters = 0;

  get isTooMuch() {
    return this.#entries.size > MOST || this.#characters > MOST_CHARACTERS;
  }

  add(event) {
    const text = textOf(event);
    const entry = { text, event };
    this.#entries.add(entry);
    this.#characters += text.length;
    if (this.#byText.has(text)) this.#byText.get(text).push(entry);
    else this.#byText.set(text, [entry]);
  }

  /** Takes out the oldest copy of `event`; gives whether there was one. */
  takeLike(event) {
    const entry = this.#byText.get(textOf(event))?.find((entry) => entry.event.name === event.name);
    if (entry) this.#remove(entry);
    return entry !== undefined;
  }

  takeOldest() {
    const [entry] = this.#entries;
    this.#remove(entry);
  }

  takeAll() {
    const events = [...this.#entries].map(({ event }) => event);
    this.#entries.clear();
    this.#byText.clear();
    this.#characters = 0;
    return events;
  }

  #remove(entry) {
    const { text } = entry;
    const same = this.#byText.get(text);
    same.splice(same.indexOf(entry), 1);
    if (same.length === 0) this.#byText.delete(text);
    this.#entries.delete(entry);
    this.#characters -= text.length;
  }
}

function textOf({ raw }) {
  return typeof raw === "string" ? raw : decoder.decode(raw);
}
