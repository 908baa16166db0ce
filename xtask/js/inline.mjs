// Writes a module as a script that exports its bytes as text, in base64.
//
// Usage: node inline.mjs MODULE SCRIPT

import { readFileSync, writeFileSync } from "node:fs";

const [module, script] = process.argv.slice(2);
writeFileSync(script, `export default "${readFileSync(module, "base64")}";\n`);
