// Shards of a fleet in workers of browsers.
import "../browser.js";
import { serveShardsAt } from "../../worker-side.js";

export function serveShards(options) {
  serveShardsAt(globalThis, options);
}
