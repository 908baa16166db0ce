// Browsers and bundlers: whoever imports this ships the second module, which is fetched when a shard asks for it. It lies
// beside the module for the same reason as `browser.js`.
import { findCodecsBy } from "../provide.js";

/** A module of 300 KB over a poor line. */
const PATIENCE_MS = 60_000;

findCodecsBy(async () => {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(new URL("./codecs_bg.wasm", import.meta.url), { signal });
  if (!response.ok) throw new Error(`expected status 200, got ${response.status}`);
  return response.arrayBuffer();
});
