// Deno: an import of the module needs no permission to read files.
import source module from "../wasm/fast_bg.wasm";
import "./codecs/deno.js";
import { initSync } from "../wasm/shardwire.js";

initSync(module);

export { Intents, Shard, ShardwireError, version } from "../index.js";
