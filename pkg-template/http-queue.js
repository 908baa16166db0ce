// An identify queue that is asked over HTTP, and one that is served so, by the protocol of twilight's: `GET ADDRESS?shard=NUMBER`
// is answered with a status of success once that shard may identify. Keeps no order of its own.

import { ShardwireError } from "./error.js";
import { tellIdentified } from "./identified.js";

/** An answer is on its way for so long at most: the next turn is counted from its arrival. */
const TRIP_MS = 500;
/** However long a server says. */
const LONGEST_RETRY_MS = 600_000;
/** Unless the queue says when. */
const RETRY_MS = 5_000;
/** Callers at the same time; more are told to come again. */
const MOST_CALLERS = 16_384;
const U32 = 0xffff_ffff;

/** Described in `fleet.d.ts`. */
export function httpQueue(url, { fetch = globalThis.fetch, headers = {} } = {}) {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ShardwireError("bad-url", "expected the address of a queue, such as http://127.0.0.1:8585/");
  }
  return {
    async turn([number], signal) {
      const address = new URL(url);
      address.searchParams.set("shard", number);
      // Without a deadline of ours: an answer may take hours, and whoever no longer wants it hangs up.
      const response = await fetch(address, { headers, signal, redirect: "manual" });
      await response.body?.cancel();
      if (response.ok) return;
      const seconds = Number(response.headers.get("retry-after") ?? NaN);
      const retryAfterMs = seconds >= 0 ? Math.min(seconds * 1000, LONGEST_RETRY_MS) : undefined;
      throw new ShardwireError("unavailable", `expected status 200 of the identify queue, got ${response.status}`, {
        status: response.status,
        retryAfterMs,
      });
    },
  };
}

/** Described in `fleet.d.ts`. */
export function queueHandler(queue, { onError = console.error } = {}) {
  let callers = 0;
  return async (request) => {
    if (request.method !== "GET") return new Response(null, { status: 405 });
    // Bots whose shards all stand in one line need not say which it is.
    const given = new URL(request.url).searchParams.get("shard") ?? "0";
    const number = Number(given);
    if (!/^\d+$/.test(given) || number >= U32) return new Response(null, { status: 400 });
    if (callers >= MOST_CALLERS) return comeAgain();
    const shard = [number, U32];
    callers += 1;
    try {
      // Whoever hangs up gives the place up.
      await queue.turn(shard, request.signal);
    } catch (error) {
      return comeAgain(error);
    } finally {
      callers -= 1;
    }
    await tellIdentified(queue, onError, shard, { withinMs: TRIP_MS });
    return new Response(null, { status: 200 });
  };
}

function comeAgain(error) {
  const { retryAfterMs } = Object(error);
  const seconds = Math.ceil((retryAfterMs >= 0 ? retryAfterMs : RETRY_MS) / 1000);
  return new Response(null, { status: 503, headers: { "retry-after": String(seconds) } });
}

/** Described in `fleet.d.ts`. */
export function queueListener(queue, options) {
  const answer = queueHandler(queue, options);
  return async (request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const { method, url } = request;
    // Only what is asked counts, as callers may write whatever they like before it.
    const [, asked = ""] = url.split("?");
    const { status, headers } = await answer({ method, url: `http://queue/?${asked}`, signal: gone.signal });
    response.writeHead(status, Object.fromEntries(headers)).end();
  };
}
