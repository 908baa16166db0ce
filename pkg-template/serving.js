// The far end of what `remote.js` reads: sends events over a port, in batches, the next one when the last was taken, and answers
// calls. Knows nothing of what is read.

import { Answers, flatten, toPlain } from "./crossing.js";

export class Serving {
  #port;
  #answers;
  /** Is called when the last batch was taken, or nobody waits for that any more. */
  #goOn = () => {};

  /** `methods` are what can be called over `port`. */
  constructor(port, methods) {
    this.#port = port;
    this.#answers = new Answers(port, methods);
  }

  /** Takes in what came over the port; gives whether it was meant for here. */
  hear(message) {
    if (message[0] !== "more") return this.#answers.hear(message);
    this.#goOn();
    return true;
  }

  /**
   * Sends what `batches`, an asynchronous iterable of arrays of events, gives, with what `state` says then: an empty one too, as it
   * tells the state. At the end, or when they fail, it closes the port; when `signal` is aborted, it just leaves off.
   */
  async send(batches, state, signal) {
    signal?.addEventListener("abort", () => this.#goOn(), { once: true });
    let failure = null;
    try {
      for await (const events of batches) {
        if (signal?.aborted) return;
        const taken = new Promise((resolve) => (this.#goOn = resolve));
        this.#port.postMessage(["events", events.map(flatten), state()]);
        await taken;
        if (signal?.aborted) return;
      }
    } catch (error) {
      failure = toPlain(error);
    }
    // What was asked before the end is still answered.
    await this.#answers.settle();
    if (signal?.aborted) return;
    this.#port.postMessage(["over", state(), failure]);
    this.#port.close();
  }
}
