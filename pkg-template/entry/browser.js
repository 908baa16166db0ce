// Browsers and bundlers: this very form of `new URL` is what Vite, webpack and Rollup look for to ship the module.
import init from "../wasm/shardwire.js";

await init({ module_or_path: new URL("../wasm/shardwire_bg.wasm", import.meta.url) });

export { Intents, Shard, ShardwireError, version } from "../index.js";
