// Shards of a fleet in workers of Deno.
import "../deno.js";
import { serveShardsAt } from "../../worker-side.js";

export function serveShards(options) {
  serveShardsAt(globalThis, options);
}
