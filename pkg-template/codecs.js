// Loads the second wasm module: once for all shards, and only when one asks for what is in it. Knows no host: the files in
// entry/ say where the module is.

import { ShardwireError } from "./error.js";
import { provideCodecs } from "./wasm/shardwire.js";

/** Gives bytes, a response or a compiled module, or a promise of one. */
let find = () => {
  throw new Error("expected a call of loadCodecs");
};
/** Whether who comes later waits for the load that is under way. */
let isShared = true;
/** Under way, or done. */
let loading = null;

/** `isShared` is to be false where a load may end without a word, with whoever began it. */
export function findCodecsBy(way, options = {}) {
  find = way;
  isShared = options.isShared ?? true;
}

/** Resolves when shards can use the codecs. After a failure the next call tries again. */
export function loadCodecs() {
  if (!isShared) return load();
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  try {
    const module = await find();
    // Last, as some browsers never try an import again that failed.
    const codecs = await import("./wasm/codecs.js");
    // With nothing to wait for, nobody else is kept waiting.
    if (module instanceof WebAssembly.Module) codecs.initSync({ module });
    else await codecs.default({ module_or_path: module });
    provideCodecs(codecs);
  } catch (cause) {
    throw new ShardwireError("codec-not-loaded", "expected the module codecs.wasm, for ETF and zstd-stream", { cause });
  }
}
