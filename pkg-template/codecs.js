// The door of the second wasm module, with ETF and zstd. Knows neither that module nor where it is: what is imported of
// `entry/codecs/` does, so that bundles without it stay small.

import { ShardwireError } from "./error.js";

/** Provides the codecs to the client, and gives a promise of that. Whoever has none says what is missing. */
let bring = () => Promise.reject(toRefusal('`import "shardwire/codecs"` in this program'));

export function bringCodecsBy(way) {
  bring = way;
}

/** Resolves when shards can use the codecs. After a failure the next call tries again. */
export function loadCodecs() {
  return bring();
}

export function toRefusal(expected, cause) {
  return new ShardwireError("codec-not-loaded", `expected ${expected}, for ETF and zstd-stream`, { cause });
}
