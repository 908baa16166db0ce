/**
 * The same as `shardwire`, with the module inside the script: for bundlers that ship no files (esbuild), for single files and
 * for extensions. It takes a third more bytes, and the browser compiles them at once, which Chromium does since version 115.
 * In Cloudflare Workers, which compile nothing, it is `shardwire` itself.
 * @packageDocumentation
 */
export * from "../index.js";
