// What is read in one realm and runs in another: the near end of a message port. Events come in batches, the next one when the
// last was taken. What is said over the port: `["events", flat, state]`, `["over", state]` and answers one way, `["more"]` and calls
// the other.

import { Caller } from "./crossing.js";
import { ShardwireError } from "./error.js";
import { decode } from "./event.js";
import { Readable } from "./reading.js";

/** Below a `Readable`. */
class Inbox {
  isOver = false;
  #events = [];
  #reader = null;
  #port;

  constructor(port) {
    this.#port = port;
  }

  push(events) {
    this.#events.push(...events);
    this.#call();
  }

  end() {
    this.isOver = true;
    this.#call();
  }

  take() {
    const events = this.#events;
    this.#events = [];
    if (events.length > 0 && !this.isOver) this.#port.postMessage(["more"]);
    return events;
  }

  wait(resolve) {
    this.#reader = resolve;
    if (this.#events.length > 0 || this.isOver) this.#call();
  }

  #call() {
    this.#reader?.();
    this.#reader = null;
  }
}

export class Remote extends Readable {
  /** Is called when the other end has come further. */
  onProgress = () => {};
  /** Is called when nothing comes from there any more. */
  onOver = () => {};
  #inbox;
  #caller;
  #port;
  /** What the other end last said of itself. */
  #state;

  constructor(port, { state, most, start = () => null }) {
    const inbox = new Inbox(port);
    super(inbox, { most, start });
    this.#inbox = inbox;
    this.#port = port;
    this.#state = state;
    this.#caller = new Caller(port);
    port.addEventListener("message", ({ data }) => this.#hear(data));
    port.start();
  }

  get state() {
    return this.#state;
  }

  /** Events as `flatten` made them. */
  take() {
    return this.#inbox.take().flatMap(([shardId, ...event]) => decode(event, shardId));
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

  /** The other end is gone: `events` are the last that are heard of it. */
  lose(events, message) {
    if (this.#inbox.isOver) return;
    this.#inbox.push(events);
    this.#over(message);
  }

  #hear(message) {
    if (this.#caller.hear(message)) return;
    const [what, ...rest] = message;
    if (what === "events") {
      this.#state = rest[1];
      if (rest[0].length > 0) this.#inbox.push(rest[0]);
      // There is nothing to be taken.
      else this.tell(["more"]);
      this.onProgress();
    } else if (what === "over") {
      this.#state = rest[0];
      this.#over("it has stopped");
    }
  }

  #over(message) {
    this.#inbox.end();
    this.#caller.end(new ShardwireError("stopped", message));
    this.#port.close();
    this.onOver();
  }
}
