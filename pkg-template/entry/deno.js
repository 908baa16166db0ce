// Deno: an import of the module needs no permission to read files.
import source module from "../wasm/shardwire_bg.wasm";
import { findCodecsBy } from "../codecs.js";
import { initSync } from "../wasm/shardwire.js";

initSync({ module });
findCodecsBy(() => import.source("../wasm/codecs_bg.wasm"));

export { Intents, Shard, ShardwireError, version } from "../index.js";
