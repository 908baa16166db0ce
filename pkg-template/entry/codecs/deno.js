// Deno: part of its entry, as nothing is downloaded for it.
import { findCodecsBy } from "../../provide.js";

findCodecsBy(() => import.source("../../wasm/codecs_bg.wasm"));
