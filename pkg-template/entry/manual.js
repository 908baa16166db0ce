// For whoever knows best where the module comes from: libraries, odd bundlers, single files.
import { initSync } from "../wasm/shardwire.js";

export { Intents, Shard, ShardwireError, version } from "../index.js";

/** Takes the bytes of `shardwire.wasm`, or the compiled module. A second call does nothing. */
export function load(source) {
  initSync({ module: source });
}
