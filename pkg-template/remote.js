// What is read in one realm and runs in another: the near end of a message port. Events come in batches, the next one when the
// last was taken. What is said over the port: `["events", flat, state]`, `["over", state, failure]` and answers one way, `["more"]`
// and calls the other; and what the classes above agree on.

import { Caller, fromPlain, restore } from "./crossing.js";
import { ShardwireError } from "./error.js";
import { EventLine } from "./event-line.js";
import { Readable } from "./reading.js";

export class Remote extends Readable {
  /** Is called when the other end has come further. */
  onProgress = () => {};
  /** Is called when nothing comes from there any more, with what calls are rejected with. */
  onOver = () => {};
  #line;
  #caller;
  #port;
  /** What the other end last said of itself. */
  #state;
  /** What whoever reads gets at the end; `null` if nothing is wrong. */
  #failure = null;

  constructor(port, { state, most, start = () => null }) {
    const line = new EventLine();
    super(line, { most, start });
    this.#line = line;
    this.#port = port;
    this.#state = state;
    this.#caller = new Caller(port);
    port.addEventListener("message", ({ data }) => this.hear(data));
    port.start();
  }

  get state() {
    return this.#state;
  }

  get isOver() {
    return this.#line.isOver;
  }

  take() {
    const events = this.#line.take();
    if (events.length > 0 && !this.isOver) this.tell(["more"]);
    return events.map(restore);
  }

  async nextBatch() {
    const events = await super.nextBatch();
    if (events.length === 0) this.#checkFailure();
    return events;
  }

  [Symbol.asyncIterator]() {
    const loop = super[Symbol.asyncIterator]();
    const next = async () => {
      const result = await loop.next();
      if (result.done) this.#checkFailure();
      return result;
    };
    return { ...loop, next };
  }

  call(...call) {
    return this.#caller.call(...call);
  }

  /** For calls whose outcome may be of no interest. */
  command(...call) {
    const sent = this.call(...call);
    sent.catch(() => {});
    return sent;
  }

  tell(message) {
    this.#port.postMessage(message);
  }

  /**
   * Nothing comes from the other end any more: `events` are the last, as `flatten` makes them. Calls are rejected with a message,
   * or with `failure`, as reading is then.
   */
  leave({ events = [], state = this.#state, message = "it has stopped", failure = null }) {
    if (this.isOver) return;
    this.#state = state;
    this.#failure = failure;
    this.#line.push(events);
    this.#line.end();
    const error = failure ?? new ShardwireError("stopped", message);
    this.#caller.end(error);
    this.#port.close();
    this.onOver(error);
  }

  /** Takes in what came over the port. */
  hear(message) {
    if (this.#caller.hear(message)) return;
    const [what, ...rest] = message;
    if (what === "events") {
      this.#state = rest[1];
      if (rest[0].length > 0) this.#line.push(rest[0]);
      // There is nothing to be taken.
      else this.tell(["more"]);
      this.onProgress();
    } else if (what === "over") {
      const [state, failure] = rest;
      this.leave({ state, failure: failure && fromPlain(failure) });
    }
  }

  #checkFailure() {
    if (this.#failure) throw this.#failure;
  }
}
