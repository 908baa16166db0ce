// Cloudflare Workers: compiling from bytes is forbidden there, so the module comes as an import.
import module from "../wasm/shardwire_bg.wasm";
import { initSync } from "../wasm/shardwire.js";

initSync(module);

export { Intents, Shard, ShardwireError, version } from "../index.js";
