// The packed package in the projects of users: bundled as the README says, and run in Chromium until the first events. No
// bundle may hold a module that was not asked for.

import assert from "node:assert/strict";
import { cp, readFile, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import nodeResolve from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import * as vite from "vite";
import webpack from "webpack";

import { launch } from "../e2e/support.mjs";
import { makeProject, run, withOptions } from "./project.mjs";
import { ask, serve } from "./site.mjs";

const LIMITS = { timeout: 60_000 };
const DISPATCHES = 3;
const ETF_AND_ZSTD = { encoding: "etf", compression: "zstd-stream" };
/** Pages of the fixtures, the modules that they need, and what they ask of the shard. */
const PAGES = {
  "page.js": { modules: ["shardwire"] },
  "in-worker.js": { modules: ["shardwire"] },
  "codecs.js": { modules: ["shardwire", "codecs"], options: ETF_AND_ZSTD },
  "inline.js": { modules: [] },
  "inline-in-worker.js": { modules: [] },
  "loaded.js": { modules: ["shardwire"] },
  "stores.js": { modules: ["shardwire"] },
  "queue.js": { modules: ["shardwire"] },
};

let project;
/** Where the pages are, in the project. */
let root;
let browser;

before(async () => {
  [project, browser] = await Promise.all([makeProject(), launch()]);
  root = join(project.folder, "page");
}, LIMITS);

after(async () => {
  await browser?.close();
  await project?.remove();
});

/** How each bundler is told to make a folder of a page. What is not its default is in the README. */
const BUNDLERS = {
  async Vite(page, folder) {
    const html = await writePage(root, page);
    const build = { outDir: folder, rolldownOptions: { input: html } };
    await vite.build({ root: root, configFile: false, logLevel: "error", worker: { format: "es" }, build });
    return html;
  },
  async webpack(page, folder) {
    const options = { context: root, mode: "production", performance: { hints: false } };
    const output = { path: folder, filename: page };
    const stats = await promisify(webpack)({ ...options, entry: `./${page}`, output });
    assert.ok(!stats.hasErrors() && !stats.hasWarnings(), stats.toString());
    return writePage(folder, page);
  },
  async Rollup(page, folder) {
    for (const input of entries(page)) {
      const onwarn = ({ message }) => assert.fail(message);
      const bundle = await rollup({ input: join(root, input), plugins: [nodeResolve({ browser: true })], onwarn });
      await bundle.write({ dir: folder, format: "es" });
      await bundle.close();
    }
    await copyModules(page, folder);
    return writePage(folder, page);
  },
  async esbuild(page, folder) {
    for (const input of entries(page)) await bundleByEsbuild(input, folder, { format: "esm" });
    await copyModules(page, folder);
    return writePage(folder, page);
  },
};

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  for (const page of ["page.js", "in-worker.js", "codecs.js", "inline.js", "stores.js", "queue.js"]) {
    test(`${name} bundles ${page}`, LIMITS, async () => {
      const folder = join(root, `out-${name}-${page}`);
      await check(folder, page, await bundle(page, folder));
    });
  }
}

test("the inline module runs in the workers that Vite makes by itself", LIMITS, async () => {
  const folder = join(project.folder, "out-inline-in-worker");
  const html = await writePage(root, "inline-in-worker.js");
  await vite.build({ root, configFile: false, logLevel: "error", build: { outDir: folder, rolldownOptions: { input: html } } });
  await check(folder, "inline-in-worker.js", html);
});

test("esbuild ships the module if it is told to", LIMITS, async () => {
  const folder = join(root, "out-loader");
  await bundleByEsbuild("loaded.js", folder, { format: "esm", loader: { ".wasm": "file" } });
  await check(folder, "loaded.js", await writePage(folder, "loaded.js"));
});

test("the inline module runs in a script that is no module", LIMITS, async () => {
  const folder = join(root, "out-script");
  await bundleByEsbuild("inline.js", folder, { format: "iife" });
  await check(folder, "inline.js", await writePage(folder, "inline.js", { type: "text/javascript" }));
});

test("the inline module runs in a bundle for Node.js", LIMITS, async () => {
  const folder = join(root, "out-node");
  const program = await readFile(join(project.folder, "run.mjs"), "utf8");
  await writeFile(join(root, "inline-node.js"), program.replace('"shardwire"', '"shardwire/inline"'));
  await bundleByEsbuild("inline-node.js", folder, { format: "esm", platform: "node", target: "node20" });
  await withOptions(async (options) => {
    const env = { ...process.env, TASK: JSON.stringify({ options, dispatches: DISPATCHES }) };
    const { stdout } = await run(process.execPath, [join(folder, "inline-node.js")], { env, timeout: 30_000 });
    assert.equal(JSON.parse(stdout).dispatches[0].name, "READY");
  });
});

for (const page of ["page.js", "in-worker.js", "codecs.js", "stores.js", "queue.js"]) {
  test(`Vite serves ${page} while it is being written`, LIMITS, async () => {
    const html = await writePage(root, page);
    const options = { root: root, configFile: false, logLevel: "error", cacheDir: join(root, `cache-${page}`) };
    const server = await vite.createServer({ ...options, server: { host: "127.0.0.1", port: 0 } });
    try {
      await server.listen();
      const { port } = server.httpServer.address();
      await assertReads(`http://127.0.0.1:${port}/${html}`, page);
    } finally {
      await server.close();
    }
  });
}

for (const page of ["page.js", "codecs.js", "stores.js", "queue.js"]) {
  test(`${page} runs unbundled by an import map`, LIMITS, async () => {
    const html = await writePage(root, page, { importMap: IMPORT_MAP });
    await withSite(project.folder, (url) => assertReads(`${url}/page/${html}`, page));
  });
}

test("without their import the codecs are missed, and the error says what to do", LIMITS, async () => {
  const html = await writePage(root, "page.js", { importMap: IMPORT_MAP });
  await withSite(project.folder, async (url) => {
    const { answer, modules } = await open(`${url}/page/${html}`, ETF_AND_ZSTD);
    assert.equal(answer.refused?.code, "codec-not-loaded");
    assert.match(answer.refused.message, /`import "shardwire\/codecs"`/);
    assert.equal(modules.length, 1);
  });
});

test("a server that does not know the type of modules is borne with", LIMITS, async () => {
  const html = await writePage(root, "page.js", { importMap: IMPORT_MAP });
  const types = { ".wasm": "application/octet-stream" };
  await withSite(project.folder, (url) => assertReads(`${url}/page/${html}`, "page.js"), types);
});

test("a module that was not shipped is told, with what to do", LIMITS, async () => {
  const folder = join(root, "out-lost");
  await bundleByEsbuild("page.js", folder, { format: "esm" });
  const text = 'globalThis.answer = import("./page.js").catch(({ name, code, message }) => ({ name, code, message }));';
  await writeFile(join(folder, "lost.js"), text);
  const html = await writePage(folder, "lost.js");
  await withSite(folder, async (url) => {
    const { answer } = await ask(browser, `${url}/${html}`);
    assert.deepEqual([answer.name, answer.code], ["ShardwireError", "module-not-loaded"]);
    assert.match(answer.message, /shardwire_bg\.wasm.*shardwire\/inline/);
  });
});

/** As a page without a bundler names the package. */
const IMPORT_MAP = {
  imports: {
    shardwire: "../node_modules/shardwire/entry/browser.js",
    "shardwire/codecs": "../node_modules/shardwire/wasm/browser-codecs.js",
    "shardwire/dispatch": "../node_modules/shardwire/dispatch.js",
    "shardwire/fleet": "../node_modules/shardwire/entry/fleet/browser.js",
    "shardwire/stores": "../node_modules/shardwire/stores.js",
  },
};

/** The scripts of a page. Bundlers that know nothing of workers are told of each. */
function entries(page) {
  return page === "in-worker.js" ? [page, "worker.js"] : [page];
}

async function bundleByEsbuild(input, folder, options) {
  const common = { absWorkingDir: root, bundle: true, outdir: folder, logLevel: "silent" };
  const { warnings } = await esbuild.build({ ...common, entryPoints: [input], ...options });
  assert.deepEqual(warnings, []);
}

/** What the README says of bundlers that ship no files. */
async function copyModules(page, folder) {
  const from = join(project.folder, "node_modules/shardwire/wasm");
  for (const name of PAGES[page].modules) await cp(join(from, `${name}_bg.wasm`), join(folder, `${name}_bg.wasm`));
}

/** Writes the document of a script and gives its name. */
async function writePage(folder, script, { type = "module", importMap } = {}) {
  const name = `${basename(script, ".js")}.html`;
  const map = importMap ? `<script type="importmap">${JSON.stringify(importMap)}</script>` : "";
  const head = `<!doctype html><meta charset="utf-8"><title>${name}</title>${map}`;
  await writeFile(join(folder, name), `${head}<script type="${type}" src="./${script}"></script>`);
  return name;
}

/** The bundle holds the modules of its page and no other, and the page reads events. */
async function check(folder, page, html) {
  const names = await readdir(folder, { recursive: true });
  const shipped = names.filter((name) => name.endsWith(".wasm"));
  assert.equal(shipped.length, PAGES[page].modules.length, `${shipped}`);
  await withSite(folder, (url) => assertReads(`${url}/${html}`, page));
}

async function assertReads(address, page) {
  const { options, modules } = PAGES[page];
  const { answer, modules: fetched } = await open(address, options);
  assert.deepEqual(answer.refused, undefined);
  assert.deepEqual(answer.dispatches.map(({ sequence }) => sequence), [1, 2, 3]);
  assert.equal(answer.dispatches[0].name, "READY");
  assert.equal(fetched.length, modules.length, `${fetched}`);
}

/** Opens a page with the task to read from a gateway of its own. */
function open(address, more) {
  return withOptions((options) => {
    const task = JSON.stringify({ ...options, ...more, dispatches: DISPATCHES });
    return ask(browser, `${address}?${new URLSearchParams({ task })}`);
  });
}

async function withSite(folder, work, types) {
  const site = await serve(folder, types);
  try {
    return await work(site.url);
  } finally {
    site.close();
  }
}
