// Bundlers that ship no files, single files, extensions: the module is in the script, as text. Without top-level await, so that
// it also runs where scripts are no modules.
import base64 from "../wasm/inline.js";
import { initSync } from "../wasm/shardwire.js";

initSync(new WebAssembly.Module(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))));

export { Intents, Shard, ShardwireError, version } from "../index.js";
