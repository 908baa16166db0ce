// The desk: an HTTP server on loopback from which a runtime fetches its tasks, its transcripts come back to, and pages are
// served. Knows neither what a task says nor which runtime asks.

import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/** A runtime that waits for a task asks again after this, so that it is heard to live. */
const ASK_AGAIN_MS = 5_000;
/** A runtime that was not heard for so long has died, or is in a loop. Long, as machines that run this are busy. */
const SILENCE_MS = 60_000;

/**
 * Opens a desk. `serve(path)` gives `{ type, body }` of a file that a page may load, or nothing. `describe()` gives what the
 * runtime printed last.
 */
export async function openDesk(name, { serve = async () => undefined, describe = () => "" } = {}) {
  /** Tasks that nobody has taken yet, and the answers that wait for one. */
  const [waiting, askers] = [[], []];
  /** Promises of transcripts, by the number of their task. */
  const open = new Map();
  const arrival = Promise.withResolvers();
  let newest = 0;
  let failure;
  // Whoever starts a runtime awaits it, but may have failed before.
  arrival.promise.catch(() => {});
  const silence = setTimeout(() => fail("was not heard for a minute"), SILENCE_MS);

  /** Whatever still runs will not be finished. */
  function fail(what) {
    failure ??= new Error(`${name} ${what}\n${describe()}`.trimEnd());
    for (const { reject } of [arrival, ...open.values()]) reject(failure);
    open.clear();
  }

  function handOut() {
    while (waiting.length > 0 && askers.length > 0) askers.shift()(waiting.shift());
  }

  /** A task for whoever asks, or nothing for the time being. */
  function nextTask() {
    const { promise, resolve } = Promise.withResolvers();
    askers.push(resolve);
    const sendAway = () => {
      const at = askers.indexOf(resolve);
      if (at >= 0) askers.splice(at, 1)[0]();
    };
    setTimeout(sendAway, ASK_AGAIN_MS).unref();
    handOut();
    return promise;
  }

  function takeIn({ id, transcript, error }) {
    const promise = open.get(id);
    open.delete(id);
    if (error === undefined) promise?.resolve(transcript);
    else promise?.reject(new Error(`${name}: ${error}`));
  }

  const server = createServer(async (request, response) => {
    silence.refresh();
    const { pathname } = new URL(request.url, "http://desk");
    if (pathname === "/transcript") {
      takeIn(JSON.parse(await text(request)));
      return response.writeHead(204).end();
    }
    if (pathname === "/task") {
      arrival.resolve();
      const task = await nextTask();
      if (task === undefined) return response.writeHead(204).end();
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(task));
    }
    const file = await serve(pathname);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": file.type, "cache-control": "no-store" }).end(file.body);
  });
  // A connection that is closed for being idle may be in use again at this very moment, and what it carried would be lost.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Resolves when a runtime asks for its first task. */
    arrival: arrival.promise,
    fail,
    play(task) {
      const { promise, resolve, reject } = Promise.withResolvers();
      if (failure) reject(failure);
      const id = ++newest;
      open.set(id, { resolve, reject });
      waiting.push({ id, task });
      handOut();
      return promise;
    },
    close() {
      fail("was stopped");
      clearTimeout(silence);
      server.close();
      server.closeAllConnections();
    },
  };
}
