// Cloudflare Workers: compiling from bytes is forbidden there, so the module comes as an import.
import module from "../wasm/shardwire_bg.wasm";
import { findCodecsBy } from "../codecs.js";
import { initSync } from "../wasm/shardwire.js";

initSync({ module });
// Objects of one isolate do not wait for each other: each may be taken away at any moment, with all that it began.
findCodecsBy(async () => (await import("../wasm/codecs_bg.wasm")).default, { isShared: false });

export { Intents, Shard, ShardwireError, version } from "../index.js";
