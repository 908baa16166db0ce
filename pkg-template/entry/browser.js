// Browsers and bundlers: the module is fetched.
import "../wasm/browser.js";

export { Intents, Shard, ShardwireError, version } from "../index.js";
