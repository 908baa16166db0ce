// Events as users see them. Knows neither the shard nor who reads it.

// A byte order mark is no JSON, and stays where it is.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** An event from Discord. A class, so that `data` can be a getter without a closure for each event. */
class DispatchEvent {
  #wide;
  #data;
  #isParsed = false;

  constructor(name, sequence, raw, shardId) {
    this.type = "dispatch";
    this.name = name;
    this.sequence = sequence;
    this.shardId = shardId;
    // A pair if it holds integers that `JSON.parse` would round: the data as it came, and a text with those as strings.
    [this.raw, this.#wide] = Array.isArray(raw) ? raw : [raw, undefined];
  }

  get data() {
    if (!this.#isParsed) {
      this.#data = JSON.parse(this.#wide ?? (typeof this.raw === "string" ? this.raw : decoder.decode(this.raw)));
      this.#isParsed = true;
    }
    return this.#data;
  }

  toJSON() {
    const { type, name, sequence, shardId, data } = this;
    return { type, name, sequence, shardId, data };
  }
}

/** Three values an event, as `take` gives them. */
export function decode(flat, shardId) {
  const events = [];
  for (let at = 0; at < flat.length; at += 3) {
    const [name, sequence, data] = [flat[at], flat[at + 1], flat[at + 2]];
    events.push(name === null ? Object.assign(data, { shardId }) : new DispatchEvent(name, sequence, data, shardId));
  }
  return events;
}
