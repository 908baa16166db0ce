// Cloudflare Workers: compiling from bytes is forbidden there, so the module comes as an import.
import module from "../wasm/shardwire_bg.wasm";
import { findCodecsBy } from "../codecs.js";
import { initSync } from "../wasm/shardwire.js";

initSync({ module });
findCodecsBy(async () => (await import("../wasm/codecs_bg.wasm")).default);

export { Intents, Shard, ShardwireError, version } from "../index.js";
