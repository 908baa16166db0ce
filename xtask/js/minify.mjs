// Makes the package's own JavaScript small, and puts beside each file a source map that holds it as it was written: a browser
// downloads that only for whoever looks.
//
// Usage: node minify.mjs PACKAGE. Knows nothing of what was generated, in `wasm/`.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { minify } from "terser";

/** With imports of a form that terser does not know. It is five lines long. */
const UNREADABLE = "deno.js";

const [folder] = process.argv.slice(2);
for (const path of [folder, join(folder, "entry")].flatMap(scripts)) await shrink(path);

function scripts(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".js") && name !== UNREADABLE);
  return names.map((name) => join(folder, name));
}

async function shrink(path) {
  const name = basename(path);
  const { code, map } = await minify(
    { [`source/${name}`]: readFileSync(path, "utf8") },
    {
      module: true,
      compress: { passes: 2 },
      // The names of classes are seen in consoles and in stack traces.
      keep_classnames: true,
      sourceMap: { includeSources: true, url: `${name}.map` },
    },
  );
  writeFileSync(path, code);
  writeFileSync(`${path}.map`, map);
}
