// Where sessions are kept that only one host has: Deno KV in Deno, the storages of pages in Chromium, that of Durable Objects in
// workerd; and files in Deno and Bun. Each is looked into again by another process, page or instance.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Miniflare } from "miniflare";

import { launch } from "../e2e/support.mjs";
import { session } from "./fixtures/keep.mjs";
import { makeProject, programs, run } from "./project.mjs";
import { serve } from "./site.mjs";
import { workerModules } from "./workers.mjs";

const LIMITS = { timeout: 60_000 };
const COMPATIBILITY_DATE = "2026-07-30";
/** What is found at first, and what by those that come later. */
const KEPT = [session(0, 5), session(1, 1)];
const FIRST = { before: [], after: KEPT };
const LATER = { before: KEPT, after: KEPT };

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

const ARGUMENTS = {
  bun: () => ["run"],
  deno: (folder) => ["run", "--no-remote", "--unstable-kv", "--allow-env", `--allow-read=${folder}`, `--allow-write=${folder}`],
};

for (const [name, toArguments] of Object.entries(ARGUMENTS)) {
  test(`sessions are kept in ${name}`, LIMITS, async () => {
    const folder = join(project.folder, `kept-by-${name}`);
    await mkdir(folder);
    const TASK = JSON.stringify({ kv: join(folder, "kv"), file: join(folder, "sessions.json") });
    const keepHere = async () => {
      const options = { cwd: project.folder, env: { ...process.env, TASK, NO_COLOR: "1" }, timeout: 30_000 };
      const { stdout } = await run(programs[name], [...toArguments(project.folder), "keep-here.mjs"], options);
      return JSON.parse(stdout);
    };
    const all = (found) => (name === "deno" ? { file: found, kv: found, other: found } : { file: found });
    assert.deepEqual(await keepHere(), all(FIRST));
    assert.deepEqual(await keepHere(), all(LATER));
    assert.deepEqual(JSON.parse(await readFile(join(folder, "sessions.json"), "utf8")), KEPT);
  });
}

test("sessions are kept in a page, and in a worker", LIMITS, async () => {
  await writeFile(join(project.folder, "empty.html"), "<!doctype html>");
  const site = await serve(project.folder);
  const browser = await launch();
  try {
    const context = await browser.newContext();
    const open = async () => {
      const page = await context.newPage();
      await page.goto(`${site.url}/empty.html`);
      return page;
    };
    const inPage = async (name) => (await open()).evaluate(async (name) => (await import("/keep-page.mjs"))[name](), name);
    const file = "unavailable";
    assert.deepEqual(await inPage("keepHere"), { file, local: FIRST, session: FIRST, database: FIRST, other: FIRST });
    // Another page has a session storage of its own.
    assert.deepEqual(await inPage("keepHere"), { file, local: LATER, session: FIRST, database: LATER, other: LATER });
    const worker = (await open()).evaluate(() => {
      const worker = new Worker("/keep-page.mjs", { type: "module" });
      return new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
    });
    assert.deepEqual(await worker, { file, database: LATER, other: FIRST });
    assert.deepEqual(await inPage("outlive"), { before: [], after: [session(1, 1)] });
  } finally {
    await browser.close();
    site.close();
  }
});

for (const useSQLite of [true, false]) {
  test(`sessions are kept in a Durable Object, ${useSQLite ? "SQLite" : "key-value"}`, LIMITS, async () => {
    const modules = await workerModules(join(project.folder, "keep-object.mjs"));
    const options = {
      compatibilityDate: COMPATIBILITY_DATE,
      modulesRoot: project.folder,
      modules,
      durableObjects: { PLACE: { className: "Place", useSQLite } },
      durableObjectsPersist: join(project.folder, `kept-by-workerd-${useSQLite}`),
    };
    for (const found of [FIRST, LATER]) {
      const worker = new Miniflare(options);
      try {
        const answer = await (await worker.dispatchFetch("http://worker/")).json();
        assert.deepEqual(answer, { found, other: found, stored: KEPT[0] });
      } finally {
        await worker.dispose();
      }
    }
  });
}
