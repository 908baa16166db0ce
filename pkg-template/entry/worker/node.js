// Shards of a fleet in worker threads of Node.js and Bun.
import { parentPort } from "node:worker_threads";

import "../node.js";
import { serveShardsAt } from "../../worker-side.js";

export function serveShards(options) {
  serveShardsAt(parentPort, options);
  parentPort.start();
}
