// Provides the second wasm module to the client, once for all shards. Knows no host: the files in entry/ say where the module is.

import { bringCodecsBy, toRefusal } from "./codecs.js";
import { provideCodecs } from "./wasm/shardwire.js";

/**
 * `find` gives bytes or a compiled module, or a promise of one. Called when a shard first asks for codecs.
 * `isShared` is to be false where a load may end without a word, with whoever began it: then nobody waits for another's.
 */
export function findCodecsBy(find, { isShared = true } = {}) {
  /** Under way, or done. */
  let loading = null;
  const attempt = () =>
    provide(find).catch((cause) => {
      loading = null;
      throw toRefusal("the module codecs.wasm", cause);
    });
  bringCodecsBy(() => {
    if (!isShared) return attempt();
    loading ??= attempt();
    return loading;
  });
}

async function provide(find) {
  const module = await find();
  // Last, as some browsers never try an import again that failed.
  const codecs = await import("./wasm/codecs.js");
  // Bytes are compiled elsewhere than on the thread of the page.
  codecs.initSync(module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module));
  provideCodecs(codecs);
}
