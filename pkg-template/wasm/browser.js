// Fetches the module. This very form of `new URL` is what Vite and webpack look for, to ship the module; and as this file lies
// beside it, bundlers that leave the address as it is look for it beside the bundle.
import { ShardwireError } from "../error.js";
import { initSync } from "./shardwire.js";

const url = new URL("./shardwire_bg.wasm", import.meta.url);
await WebAssembly.compileStreaming(fetch(url))
  // What is compiled while it comes has to have the right type, which some servers do not know.
  .catch(async () => WebAssembly.compile(await (await fetch(url)).arrayBuffer()))
  .then(initSync, (cause) => {
    const expected = "expected shardwire_bg.wasm beside the script: copy it from shardwire/wasm, or import shardwire/inline";
    throw new ShardwireError("module-not-loaded", expected, { cause });
  });
