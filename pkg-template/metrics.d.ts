/**
 * What `shard.info()` gives, for Prometheus. It takes no part of the rest of the package.
 * @packageDocumentation
 */

import type { ShardInfo } from "./index.js";

/**
 * What one or several shards tell, in Prometheus' text format (version 0.0.4): to be served as
 * `text/plain; version=0.0.4`. The Rust crate's `prometheus` writes the same text.
 *
 * Every counter is there, as `shardwire_wire_bytes_total{shard="0"}` for `counters.wireBytes`, dispatches by name as
 * `shardwire_events_total{shard, event}`, and gauges: `shardwire_uptime_seconds`, `shardwire_latency_seconds`,
 * `shardwire_latency_average_seconds`, `shardwire_commands_available`, `shardwire_commands_waiting`,
 * `shardwire_requests_open`, and `shardwire_status{shard, status}`, of which one is 1 and the others are 0. What is not known
 * yet, such as the round trip before the first heartbeat, is left out.
 */
export declare function toPrometheus(infos: ShardInfo | readonly ShardInfo[]): string;
