// Many shards as one: what `shardwire/fleet` gives.

export { ShardwireError } from "./error.js";
export { httpQueue, queueHandler, queueListener } from "./http-queue.js";
export { IdentifyLedger } from "./identify-ledger.js";
export { portQueue, serveQueue } from "./port-queue.js";
export { ShardManager } from "./shard-manager.js";
export { shardOf } from "./shard-set.js";
