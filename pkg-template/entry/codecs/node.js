// Node.js and Bun: part of their entry, as nothing is downloaded for it.
import { readFile } from "node:fs/promises";

import { findCodecsBy } from "../../provide.js";

findCodecsBy(() => readFile(new URL("../../wasm/codecs_bg.wasm", import.meta.url)));
