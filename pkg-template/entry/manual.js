// For whoever knows best where the module comes from: libraries, odd bundlers, single files.
import { loadCodecs as loadFound } from "../codecs.js";
import { findCodecsBy } from "../provide.js";
import { initSync } from "../wasm/shardwire.js";

export { Intents, Shard, ShardwireError, version } from "../index.js";

/** Takes the bytes of `shardwire.wasm`, or the compiled module. A second call does nothing. */
export function load(source) {
  initSync(source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source));
}

/** Takes the bytes of `codecs.wasm`, or the compiled module, after `load`. Only for ETF and `zstd-stream`. */
export async function loadCodecs(source) {
  findCodecsBy(() => source);
  await loadFound();
}
