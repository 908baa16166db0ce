// Makes the package's own JavaScript small: `index.js` and what it is made of become one file, as they compress better
// together, and each file is minified. Beside each is a source map that holds it as it was written; browsers load that for
// whoever looks.
//
// Usage: node pack.mjs PACKAGE. Knows nothing of what was generated, in `wasm/`.
//
// The files that are put together share one scope, so no two of them may use a name at their top. They import and export by
// plain lists only. What is not as expected here is an error.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";

import { minify } from "terser";

const ROOT = "index.js";
/** Stay files of their own: `error.js` is also loaded by parts that need no wasm, and there is one class of errors. */
const APART = /^(error\.js|wasm\/)/;
/** A constant, for such parts too: as a copy within `index.js` it is smaller. */
const COPIED = "version.js";
/** With imports of a form that terser does not know. It is five lines long. */
const UNREADABLE = ["entry/deno.js", "entry/codecs/deno.js"];

const LIST = /^(import|export) \{([^}]*)\}(?: from "(\.[^"]+)")?;$/gm;
const DECLARED = /^(export )?(?:async )?(?:const|let|class|function) (\w+)/gm;

const [folder] = process.argv.slice(2);
const names = readdirSync(folder, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
const parts = new Map();
gather(ROOT);
const others = names.filter((name) => name.endsWith(".js") && !parts.has(name));
const exported = new Set(lists(parts.get(ROOT), "export").flatMap(({ names }) => names));
for (const [, isExported, name] of parts.get(ROOT).matchAll(DECLARED)) if (isExported) exported.add(name);

for (const name of others) {
  const text = redirect(name, read(name));
  if (UNREADABLE.includes(name)) write(name, text);
  else await shrink(name, { [`source/${basename(name)}`]: text });
}
await shrink(ROOT, together());
for (const name of parts.keys()) if (![ROOT, COPIED].includes(name)) rmSync(join(folder, name));

/** Reads `name` and what it imports, which comes before it. */
function gather(name) {
  const text = read(name);
  for (const { from } of lists(text)) if (from && !APART.test(from) && !parts.has(from)) gather(from);
  parts.set(name, text);
}

/** Imports and exports as lists; `name` is where the file is. */
function lists(text, kind, name = ROOT) {
  const found = [...text.matchAll(LIST)].map(([, kind, names, from]) => ({
    kind,
    names: names.split(",").map((name) => name.trim().split(" as ")[0]).filter(Boolean),
    from: from && posix.join(dirname(name), from),
  }));
  return kind ? found.filter((list) => list.kind === kind) : found;
}

/** A file that stays apart, with imports from what is now in `index.js` turned there. */
function redirect(name, text) {
  for (const { names, from } of lists(text, undefined, name)) {
    if (parts.has(from) && from !== COPIED) for (const name of names) exported.add(name);
  }
  return text.replace(/(from |import\()"(\.[^"]+)"/g, (whole, start, from) => {
    const target = posix.join(dirname(name), from);
    const moved = posix.join(dirname(from), ROOT).replace(/^(?!\.)/, "./");
    return parts.has(target) && target !== COPIED ? `${start}"${moved}"` : whole;
  });
}

/** The parts with what is between them taken out, line for line as they were. */
function together() {
  const declared = new Map();
  const imported = new Map();
  const files = Object.fromEntries(
    [...parts].map(([name, text]) => {
      for (const [, , item] of text.matchAll(DECLARED)) {
        if (declared.has(item)) throw new Error(`${declared.get(item)} and ${name} both have ${item} at their top`);
        declared.set(item, name);
      }
      for (const { names, from } of lists(text)) {
        if (APART.test(from ?? "")) for (const item of names) imported.set(item, from);
      }
      const inner = text.replace(LIST, (list) => list.replace(/[^\n]/g, "")).replace(/^export (?=\w)/gm, "");
      if (/^(import|export)\b/m.test(inner)) throw new Error(`expected plain lists of imports and exports in ${name}`);
      return [`source/${name}`, inner];
    }),
  );
  for (const name of exported) {
    if (!declared.has(name) && !imported.has(name)) throw new Error(`expected a part of index.js to declare ${name}`);
  }
  const sources = [...new Set(imported.values())];
  const from = (source) => [...imported.keys()].filter((name) => imported.get(name) === source).join(", ");
  const before = sources.map((source) => `import { ${from(source)} } from "./${source}";`).join("\n");
  return { before, ...files, after: `export { ${[...exported].join(", ")} };` };
}

async function shrink(name, files) {
  const { code, map } = await minify(files, {
    module: true,
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true },
    // Names of classes that users see in consoles.
    keep_classnames: /^(Shard|ShardwireError|DispatchEvent)$/,
    sourceMap: { includeSources: true, url: `${basename(name)}.map` },
  });
  // A file in which nothing happens stays as it was.
  if (JSON.parse(map).sources.length === 0) return;
  write(name, code);
  write(`${name}.map`, map);
}

function read(name) {
  return readFileSync(join(folder, name), "utf8");
}

function write(name, text) {
  writeFileSync(join(folder, name), text);
}
