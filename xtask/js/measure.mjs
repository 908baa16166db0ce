// Measures what a browser downloads before its first event: the given entry with all that it loads; and what only some
// programs load later, which is named.
//
// Usage: node measure.mjs PACKAGE ENTRY [LATER…]. Prints `{ first, later }` as JSON.

import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

/** Static imports and re-exports, and files that are addressed relative to the module. */
const REFERENCES = [
  /\b(?:import|from)\s*["'](\.[^"']+)["']/g,
  /\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url\s*\)/g,
];

const [folder, entry, ...names] = process.argv.slice(2);
const seen = new Set(names);
const later = names.map((name) => measure(name, read(name)));
const first = follow(entry);
console.log(JSON.stringify({ first, later }));

/** Measures a file and everything it refers to. */
function follow(name) {
  if (seen.has(name)) return [];
  seen.add(name);
  const bytes = read(name);
  const found = name.endsWith(".wasm") ? [] : references(bytes.toString());
  return [measure(name, bytes), ...found.flatMap((reference) => follow(posix.join(dirname(name), reference)))];
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

function references(text) {
  return REFERENCES.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
}
