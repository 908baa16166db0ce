// Browsers and bundlers: this very form of `new URL` is what Vite, webpack and Rollup look for to ship the module.
import { findCodecsBy } from "../codecs.js";
import init from "../wasm/shardwire.js";

await init({ module_or_path: new URL("../wasm/shardwire_bg.wasm", import.meta.url) });

/** A module of 300 KB over a poor line. */
const PATIENCE_MS = 60_000;

findCodecsBy(async () => {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(new URL("../wasm/codecs_bg.wasm", import.meta.url), { signal });
  if (!response.ok) throw new Error(`expected status 200, got ${response.status}`);
  return response;
});

export { Intents, Shard, ShardwireError, version } from "../index.js";
