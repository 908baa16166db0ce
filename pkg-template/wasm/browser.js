// Fetches the module. This very form of `new URL` is what Vite and webpack look for, to ship the module; and as this file lies
// beside it, bundlers that leave the address as it is look for it beside the bundle.
import { ShardwireError } from "../error.js";
import init from "./shardwire.js";

await init({ module_or_path: new URL("./shardwire_bg.wasm", import.meta.url) }).catch((cause) => {
  const expected = "expected shardwire_bg.wasm beside the script: copy it from shardwire/wasm, or import shardwire/inline";
  throw new ShardwireError("module-not-loaded", expected, { cause });
});
