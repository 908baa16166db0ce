// The packed package in the project of a Cloudflare Worker: what `wrangler deploy` would upload, and what `wrangler dev` runs.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makeProject, withOptions } from "./project.mjs";
import { bundle, withDev } from "./wrangler.mjs";

const LIMITS = { timeout: 60_000 };
const DISPATCHES = 3;
/** The scripts of the fixtures, the modules that each needs, and what it is asked for. */
const SCRIPTS = {
  "worker.js": { modules: 1 },
  "codecs.js": { modules: 2, options: { encoding: "etf", compression: "zstd-stream" } },
};

let project;
let root;

before(async () => {
  project = await makeProject();
  root = join(project.folder, "wrangler");
}, LIMITS);

after(async () => {
  await project?.remove();
});

for (const [script, { modules, options }] of Object.entries(SCRIPTS)) {
  test(`what wrangler deploy uploads of ${script} has as many modules as it needs`, LIMITS, async () => {
    const folder = join(project.folder, `out-${script}`);
    await bundle(root, script, folder);
    const names = await readdir(folder, { recursive: true });
    assert.equal(names.filter((name) => name.endsWith(".wasm")).length, modules, `${names}`);
  });

  test(`${script} runs in wrangler dev`, LIMITS, async () => {
    await withDev(root, script, [], (url) =>
      withOptions(async (gateway) => {
        const body = JSON.stringify({ ...gateway, ...options, dispatches: DISPATCHES });
        const response = await fetch(url, { method: "POST", body });
        assert.equal(response.status, 200, await response.clone().text());
        const { dispatches, refused } = await response.json();
        assert.equal(refused, undefined);
        assert.deepEqual(dispatches.map(({ sequence }) => sequence), [1, 2, 3]);
      }),
    );
  });
}
