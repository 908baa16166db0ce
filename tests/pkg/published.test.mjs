// The package as it would be published: what is in it, and what two linters of packages say.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { publint } from "publint";
import { formatMessage } from "publint/utils";

import { makeProject, run } from "./project.mjs";

const LIMITS = { timeout: 60_000 };
const ATTW = fileURLToPath(new URL("../../node_modules/@arethetypeswrong/cli/dist/index.js", import.meta.url));
const MODULES = ["./shardwire.wasm", "./codecs.wasm"];

let project;
let installed;
let manifest;
let names;

before(async () => {
  project = await makeProject();
  installed = join(project.folder, "node_modules/shardwire");
  manifest = JSON.parse(await readFile(join(installed, "package.json")));
  names = project.tarball.files.map((file) => file.path);
}, LIMITS);

after(async () => {
  await project?.remove();
});

test("the tarball holds what the exports name, and its modules", LIMITS, () => {
  for (const target of strings(manifest.exports)) assert.ok(names.includes(target.slice(2)), `${target} is missing`);
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT", "README.md"]) assert.ok(names.includes(name), `${name} is missing`);
  assert.deepEqual(names.filter((name) => name.endsWith(".wasm")), ["wasm/codecs_bg.wasm", "wasm/fast_bg.wasm", "wasm/shardwire_bg.wasm"]);
  assert.equal(manifest.dependencies, undefined);
});

test("each script is described, and by the first of its conditions", LIMITS, () => {
  for (const [path, conditions] of Object.entries(manifest.exports)) {
    if (MODULES.includes(path) || path === "./package.json") continue;
    const [first, ...others] = Object.keys(conditions);
    assert.equal(first, "types", path);
    assert.equal(others.at(-1), "default", path);
  }
});

test("bundlers may leave out every script but those that do something by being imported", LIMITS, async () => {
  const scripts = names.filter((name) => name.endsWith(".js"));
  const doing = [];
  for (const name of scripts) {
    const text = await asWritten(name);
    // A call, or an import for its effect, at the beginning of a line.
    if (/^(await |initSync\(|findCodecsBy\(|serveShards\(|import ")/m.test(text)) doing.push(`./${name}`);
  }
  assert.deepEqual(manifest.sideEffects.toSorted(), doing.toSorted());
});

test("the version is that of the crate, in both places", LIMITS, async () => {
  const { version } = await import(join(installed, "version.js"));
  assert.deepEqual([version, manifest.version], [project.tarball.version, project.tarball.version]);
  assert.notEqual(version, "0.0.0");
});

test("the README tells how large each script is", LIMITS, async () => {
  const readme = await readFile(join(installed, "README.md"), "utf8");
  for (const [path, conditions] of Object.entries(manifest.exports)) {
    if (typeof conditions === "string") continue;
    const name = path === "." ? "shardwire (browser)" : path.replace(".", "shardwire");
    const row = readme.split("\n").find((line) => line.includes(`\`${name}\` |`));
    const [raw, gzip, brotli] = row?.match(/\d+(?= \|)/g)?.map(Number) ?? [];
    assert.ok(raw >= gzip && gzip >= brotli && brotli > 0, `${name}: ${row}`);
  }
});

test("what is not readable has a map that is complete and names no folder", LIMITS, async () => {
  const maps = names.filter((name) => name.endsWith(".map"));
  for (const name of ["index.js", "error.js", "wasm/codecs.js", "wasm/shardwire.js"]) assert.ok(maps.includes(`${name}.map`), name);
  for (const name of maps) {
    const { sources, sourcesContent } = JSON.parse(await readFile(join(installed, name)));
    for (const source of sources) assert.match(source, /^(source\/)?[\w.-]+$/, name);
    assert.equal(sourcesContent.length, sources.length, name);
    assert.match(sourcesContent.join("\n"), /^(export |import |initSync|await )/m, name);
    const script = await readFile(join(installed, name.replace(".map", "")), "utf8");
    assert.ok(script.trimEnd().endsWith(`//# sourceMappingURL=${basename(name)}`), name);
  }
});

/** A script before it was minified, as its map tells it. */
async function asWritten(name) {
  const map = names.includes(`${name}.map`) && JSON.parse(await readFile(join(installed, `${name}.map`)));
  return map ? map.sourcesContent.join("\n") : readFile(join(installed, name), "utf8");
}

test("publint has nothing to say", LIMITS, async () => {
  const { messages } = await publint({ pkgDir: installed, pack: false, level: "suggestion", strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, manifest)), []);
});

test("attw has nothing to say", LIMITS, async () => {
  const packed = join(project.folder, project.tarball.filename);
  // Of ESM, as there is nothing else; and not of the modules: what an import of one gives is up to the bundler.
  const args = [packed, "--profile=esm-only", "--exclude-entrypoints", ...MODULES];
  const { stdout } = await run(process.execPath, [ATTW, ...args]);
  const rows = stdout.split("\n").filter((line) => /^(node16 \(from ESM\)|bundler):/.test(line));
  assert.equal(rows.length, 2 * (Object.keys(manifest.exports).length - MODULES.length));
  for (const row of rows) assert.match(row, /🟢/);
});

/** All texts in a tree of objects. */
function strings(value) {
  return typeof value === "string" ? [value] : Object.values(value).flatMap(strings);
}
