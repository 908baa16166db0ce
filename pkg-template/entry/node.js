// Node.js and Bun: the module lies beside this file.
import { readFileSync } from "node:fs";

import "./codecs/node.js";
import { initSync } from "../wasm/shardwire.js";

initSync(new WebAssembly.Module(readFileSync(new URL("../wasm/fast_bg.wasm", import.meta.url))));

export { Intents, Shard, ShardwireError, version } from "../index.js";
