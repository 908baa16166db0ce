// Measures what a browser downloads before its first event: the given entry with all that it loads.
//
// Usage: node measure.mjs PACKAGE ENTRY. Prints JSON.

import { readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

/** Static imports and re-exports, and files that are addressed relative to the module. */
const REFERENCES = [
  /\b(?:import|from)\s*["'](\.[^"']+)["']/g,
  /\bnew URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url\s*\)/g,
];

const [folder, entry] = process.argv.slice(2);
const files = [];
follow(entry, new Set());
console.log(JSON.stringify(files));

/** Measures a file and everything it refers to. */
function follow(name, seen) {
  if (seen.has(name)) return;
  seen.add(name);
  const bytes = readFileSync(join(folder, name));
  files.push({
    name,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes).length,
  });
  if (name.endsWith(".wasm")) return;
  for (const reference of references(bytes.toString())) {
    follow(posix.join(dirname(name), reference), seen);
  }
}

function references(text) {
  return REFERENCES.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
}
