// Cloudflare Workers: whoever imports this uploads the second module, which is loaded when a shard asks for it.
import { findCodecsBy } from "../../provide.js";

// Objects of one isolate do not wait for each other: each may be taken away at any moment, with all that it began.
findCodecsBy(async () => (await import("../../wasm/codecs_bg.wasm")).default, { isShared: false });
