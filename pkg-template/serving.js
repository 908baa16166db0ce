// The far end of what `remote.js` reads: sends events over a port, in batches, the next one when the last was taken.

import { answerCalls, flatten } from "./crossing.js";

/** Events of one batch. */
const MOST = 1000;

/**
 * Reads `batches`, an asynchronous iterable of arrays of events, to its end and sends them over `port`, with what `state` says
 * then; and serves `methods`. Whatever else is said over the port goes to `hear`.
 */
export async function serve(port, { batches, state, methods, hear = () => {} }) {
  let goOn = null;
  const answer = answerCalls(port, methods);
  port.addEventListener("message", ({ data }) => {
    if (data[0] === "more") goOn?.();
    else if (data[0] === "call" || data[0] === "abort") answer(data);
    else hear(data);
  });
  port.start();
  for await (const events of batches) {
    // An empty one too, as it tells the state.
    let at = 0;
    do {
      const taken = new Promise((resolve) => (goOn = resolve));
      port.postMessage(["events", events.slice(at, at + MOST).map(flatten), state()]);
      await taken;
      at += MOST;
    } while (at < events.length);
  }
  port.postMessage(["over", state()]);
  // What was asked at the very end is still answered.
  queueMicrotask(() => port.close());
}
