// Measures what each build of the package loads, by its `exports`: an entry with all that it needs before its first event, and
// what any other path adds to the browser's. What is loaded when a shard asks for it belongs to the path that brings it.
//
// Usage: node measure.mjs PACKAGE. Prints a list of `{ name, isEntry, files }` as JSON, the browser's build first.

import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

/** Imports, re-exports, and files that are addressed relative to the module. */
const NOW = [
  /\b(?:import|from)\s*["'](\.[^"']+)["']/g,
  /\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url\s*\)/g,
];
const LATER = [/\bimport(?:\.source)?\(\s*["'](\.[^"']+)["']\s*\)/g];
/** The second module, which Node.js and Deno know the place of from the beginning. */
const CODECS = ["wasm/codecs.js", "wasm/codecs_bg.wasm"];

/** What entries export. */
const SHARD = /\bexport \{[^}]*\bShard\b[^}]*\} from/;

/** Sizes by name, as many builds have the same files. */
const measured = new Map();
const [folder] = process.argv.slice(2);
const { exports } = JSON.parse(readFileSync(join(folder, "package.json")));
const { ".": entries, ...paths } = exports;
const browser = begin(entries.browser);
const builds = [{ name: toName("browser"), isEntry: true, files: browser }];
for (const [target, names] of byTarget(entries)) {
  if (target !== entries.browser) builds.push({ name: toName(names), isEntry: true, files: begin(target) });
}
for (const [path, conditions] of Object.entries(paths)) {
  // The modules by themselves, and the manifest.
  if (typeof conditions === "string") continue;
  const target = conditions.default;
  const isEntry = SHARD.test(read(target));
  builds.push({ name: path.replace(".", "shardwire"), isEntry, files: isEntry ? begin(target) : add(target) });
}
console.log(JSON.stringify(builds));

function toName(conditions) {
  return `shardwire (${[conditions].flat().join(", ")})`;
}

/** What an entry loads. */
function begin(target) {
  return follow(target, new Set(CODECS), NOW);
}

/** What a path adds to the browser's entry, now or later. */
function add(target) {
  return follow(target, new Set(browser.map(({ name }) => name)), [...NOW, ...LATER]);
}

/** Entries, each with the conditions that lead to it. */
function byTarget({ types, default: _, ...conditions }) {
  const targets = new Set(Object.values(conditions));
  return [...targets].map((target) => [target, Object.keys(conditions).filter((name) => conditions[name] === target)]);
}

/** Measures a file and everything that it refers to and `seen` does not have. */
function follow(target, seen, patterns) {
  const name = posix.normalize(target);
  if (seen.has(name)) return [];
  seen.add(name);
  const bytes = read(name);
  const found = name.endsWith(".js") ? references(bytes.toString(), patterns) : [];
  if (!measured.has(name)) measured.set(name, measure(name, bytes));
  return [measured.get(name), ...found.flatMap((to) => follow(posix.join(dirname(name), to), seen, patterns))];
}

function read(name) {
  return readFileSync(join(folder, name));
}

function measure(name, bytes) {
  return {
    name,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes).length,
  };
}

function references(text, patterns) {
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
}
