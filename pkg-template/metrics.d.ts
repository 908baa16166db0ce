/**
 * What `shard.info()` gives, for Prometheus. It takes no part of the rest of the package.
 * @packageDocumentation
 */

import type { ShardInfo } from "./index.js";

/**
 * What one or several shards tell, in Prometheus' text format (version 0.0.4): to be served as
 * `text/plain; version=0.0.4`.
 *
 * Every counter is there, as `shardwire_wire_bytes_total{shard="0"}` for `counters.wireBytes`, and so are a few gauges:
 * `shardwire_status{shard, status}`, `shardwire_latency_seconds`, `shardwire_commands_available` and
 * `shardwire_commands_waiting`. What is not known yet, such as the round trip before the first heartbeat, is left
 * out.
 */
export declare function toPrometheus(infos: ShardInfo | readonly ShardInfo[]): string;
