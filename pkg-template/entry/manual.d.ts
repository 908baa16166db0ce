import type { CompiledModule } from "../host.js";

export * from "../index.js";

/**
 * Makes the package ready: call it once, before the first `new Shard(…)`. A second call does nothing.
 *
 * @param source the bytes of `shardwire/shardwire.wasm`, or the module compiled from them
 */
export declare function load(source: ModuleSource): void;

/**
 * Brings what `encoding: "etf"` and `compression: "zstd-stream"` need: call it after `load`, and before such a shard connects.
 * Nothing else needs it.
 *
 * @param source the bytes of `shardwire/codecs.wasm`, or the module compiled from them
 * @throws {ShardwireError} `codec-not-loaded` if it is no such module
 */
export declare function loadCodecs(source: ModuleSource): Promise<void>;

/** `& object`, because the type of a module has no members, so that texts would pass for one. */
export type ModuleSource = (ArrayBuffer | ArrayBufferView<ArrayBuffer> | CompiledModule) & object;
