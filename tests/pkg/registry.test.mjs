// The package as it is installed by its name: by npm, by Bun, and by Deno's `npm:`.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { makeProject, programs, run, withOptions } from "./project.mjs";
import { serveRegistry } from "./registry.mjs";

const LIMITS = { timeout: 60_000 };
const DISPATCHES = 5;
const WS = new URL("../../node_modules/ws/wrapper.mjs", import.meta.url).href;

let project;
/** Where the programs are: away from the project, where the package is installed already. */
let away;
let registry;

before(async () => {
  project = await makeProject();
  away = await mkdtemp(join(tmpdir(), "shardwire-named-"));
  registry = await serveRegistry(project);
}, LIMITS);

after(async () => {
  registry?.close();
  await project?.remove();
  if (away) await rm(away, { recursive: true, force: true });
});

test("npm installs it by its name", LIMITS, async () => {
  const folder = await emptyProject("by-npm");
  const options = ["--no-audit", "--no-fund", `--registry=${registry.url}`, `--cache=${join(folder, "cache")}`];
  await run("npm", ["install", ...options, "shardwire"], { cwd: folder, shell: process.platform === "win32" });
  assert.equal(registry.downloads(), 1);
  await assertRuns(process.execPath, ["run.mjs"], folder);
});

test("Bun installs it by its name", LIMITS, async () => {
  const folder = await emptyProject("by-bun");
  const env = { BUN_CONFIG_REGISTRY: registry.url, BUN_INSTALL_CACHE_DIR: join(folder, "cache") };
  await run(programs.bun, ["add", "shardwire"], { cwd: folder, env: { ...process.env, ...env } });
  assert.equal(registry.downloads(), 2);
  await assertRuns(programs.bun, ["run", "run.mjs"], folder);
});

test("Deno takes it by npm:, and may read nothing", LIMITS, async () => {
  const folder = await emptyProject("by-deno", { isProject: false });
  const specifier = `"npm:shardwire@^${project.tarball.version}"`;
  const program = (await readFile(join(folder, "run.mjs"), "utf8")).replace('"shardwire"', specifier);
  await writeFile(join(folder, "run.mjs"), program);
  const env = { DENO_DIR: join(folder, "cache"), NPM_CONFIG_REGISTRY: registry.url };
  const args = ["run", "--allow-net=127.0.0.1", "--allow-env", "--no-prompt", "run.mjs"];
  await assertRuns(programs.deno, args, folder, env);
  assert.equal(registry.downloads(), 3);
  // The second module comes out of Deno's cache as well.
  await assertRuns(programs.deno, args, folder, env, { encoding: "etf", compression: "zstd-stream" });
});

/** A folder with nothing in it but a program, and with the manifest of a project if one is needed. */
async function emptyProject(name, { isProject = true } = {}) {
  const folder = join(away, name);
  await mkdir(folder);
  if (isProject) await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await cp(fileURLToPath(new URL("fixtures/run.mjs", import.meta.url)), join(folder, "run.mjs"));
  return folder;
}

async function assertRuns(program, args, cwd, env = {}, codec = {}) {
  await withOptions(async (options) => {
    const task = { options: { ...options, ...codec }, dispatches: DISPATCHES, ws: WS };
    const own = { ...process.env, ...env, TASK: JSON.stringify(task), NO_COLOR: "1" };
    const { stdout } = await run(program, args, { cwd, env: own, timeout: 30_000 });
    const { dispatches } = JSON.parse(stdout);
    assert.deepEqual(dispatches.map(({ sequence }) => sequence), [1, 2, 3, 4, 5]);
  });
}
