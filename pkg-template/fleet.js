// Many shards as one: what `shardwire/fleet` gives.

export { IdentifyLedger } from "./identify-ledger.js";
export { httpQueue, queueHandler, queueListener } from "./http-queue.js";
export { portQueue, serveQueue } from "./port-queue.js";
