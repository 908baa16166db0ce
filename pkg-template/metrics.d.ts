/**
 * Snapshots for Prometheus. It takes no part of the rest of the package.
 * @packageDocumentation
 */

import type { Snapshot } from "./index.js";

/**
 * One or several snapshots, each of another shard, in Prometheus' text format (version 0.0.4): to be served as
 * `text/plain; version=0.0.4`.
 *
 * Every counter is there, as `shardwire_wire_bytes_total{shard="0"}` for `counters.wireBytes`, and so are a few gauges:
 * `shardwire_status{shard, status}`, `shardwire_heartbeat_round_trip_seconds`, `shardwire_commands_available` and
 * `shardwire_commands_waiting`. What a snapshot does not know yet, such as the round trip before the first heartbeat, is left
 * out.
 */
export declare function toPrometheus(snapshots: Snapshot | readonly Snapshot[]): string;
