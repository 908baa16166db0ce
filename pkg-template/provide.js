// Provides the second wasm module to the client. Knows no host: the files in entry/ say where the module is.

import { bringCodecsBy } from "./codecs.js";
import { provideCodecs } from "./wasm/shardwire.js";

/** `find` gives bytes, a response or a compiled module, or a promise of one. Called when a shard first asks for codecs. */
export function findCodecsBy(find) {
  bringCodecsBy(async () => {
    const module = await find();
    // Last, as some browsers never try an import again that failed.
    const codecs = await import("./wasm/codecs.js");
    await codecs.default({ module_or_path: module });
    provideCodecs(codecs);
  });
}
