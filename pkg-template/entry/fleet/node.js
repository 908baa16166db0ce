// Fleets in Node.js and Bun.
import { Worker } from "node:worker_threads";

import "../node.js";
import { createWorkersBy } from "../../workers.js";

createWorkersBy(() => new Worker(new URL("../worker/own-node.js", import.meta.url)));

export * from "../../fleet.js";
