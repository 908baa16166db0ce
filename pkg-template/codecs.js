// Loads the second wasm module: once for all shards, and only when one asks for what is in it. Knows no host: the files in
// entry/ say where the module is.

import { ShardwireError } from "./error.js";
import { provideCodecs } from "./wasm/shardwire.js";

/** Gives bytes, a response or a compiled module, or a promise of one. */
let find = () => {
  throw new Error("expected a call of loadCodecs");
};
/** Under way, or done. */
let loading = null;

export function findCodecsBy(way) {
  find = way;
}

/** Resolves when shards can use the codecs. After a failure the next call tries again. */
export function loadCodecs() {
  loading ??= load().catch((cause) => {
    loading = null;
    throw new ShardwireError("codec-not-loaded", "expected the module codecs.wasm, for ETF and zstd-stream", { cause });
  });
  return loading;
}

async function load() {
  const module = await find();
  // Last, as some browsers never try an import again that failed.
  const codecs = await import("./wasm/codecs.js");
  await codecs.default({ module_or_path: module });
  provideCodecs(codecs);
}
