// Cloudflare Workers: whoever imports this uploads the second module, which is loaded when a shard asks for it.
import { findCodecsBy } from "../../provide.js";

findCodecsBy(async () => (await import("../../wasm/codecs_bg.wasm")).default);
