/**
 * Makes ETF and zstd available to shards in browsers and Cloudflare Workers. Import it once, anywhere:
 *
 * ```ts
 * import "shardwire/codecs";
 * ```
 *
 * It puts a second module of some 100 KB (gzip) into a bundle, which is loaded when a shard first asks for it. Without the
 * import such a shard fails with `codec-not-loaded`. Node.js, Deno and Bun find the module by themselves, and the import does
 * no harm there.
 * @packageDocumentation
 */
export {};
