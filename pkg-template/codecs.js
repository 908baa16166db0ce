// The door of the second wasm module, with ETF and zstd: once for all shards, and only when one asks for what is in it. Knows
// neither that module nor where it is: what is imported of `entry/codecs/` does, so that bundles without it stay small.

import { ShardwireError } from "./error.js";

/** Provides the codecs to the client, and gives a promise of that. Nobody has said how before `bringCodecsBy`. */
let bring;
/** Under way, or done. */
let loading = null;

export function bringCodecsBy(way) {
  bring = way;
}

/** Resolves when shards can use the codecs. After a failure the next call tries again. */
export function loadCodecs() {
  if (!bring) return Promise.reject(refusal('`import "shardwire/codecs"` in this program'));
  loading ??= bring().catch((cause) => {
    loading = null;
    throw refusal("the module codecs.wasm", cause);
  });
  return loading;
}

function refusal(expected, cause) {
  return new ShardwireError("codec-not-loaded", `expected ${expected}, for ETF and zstd-stream`, { cause });
}
