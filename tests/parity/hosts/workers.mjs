// Cloudflare's runtime: a Worker, and a Durable Object behind one. Each task is a request.

import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { Miniflare } from "miniflare";
import { compatibilityDate, version } from "workerd";

import { entries, installed } from "./installed.mjs";
import { rememberPrinted } from "./printed.mjs";

const PACKAGE = "node_modules/shardwire";
const PROGRAM = "parity/hosts/inside/workerd.mjs";

export const workers = [
  { name: "Worker", start: () => start("Worker", {}) },
  { name: "Durable Object", start: () => start("Durable Object", { durableObjects: { PLAYER: "Player" } }) },
];

async function start(name, options) {
  const project = await installed();
  const printed = rememberPrinted();
  let worker;
  const stop = async () => {
    await worker?.dispose();
    await project.release();
  };
  try {
    worker = new Miniflare({
      // The newest that this workerd knows.
      compatibilityDate,
      modulesRoot: project.folder,
      modules: await modulesOf(project.folder),
      handleRuntimeStdio(stdout, stderr) {
        printed.follow(stdout);
        printed.follow(stderr);
      },
      ...options,
    });
    await worker.ready;
  } catch (error) {
    await stop();
    throw new Error(`${name} could not be started\n${printed.last()}`, { cause: error });
  }
  const play = async (task) => {
    let answer;
    try {
      const response = await worker.dispatchFetch("http://worker/", { method: "POST", body: JSON.stringify(task) });
      answer = await response.json();
    } catch (error) {
      throw new Error(`${name} gave no answer\n${printed.last()}`, { cause: error });
    }
    if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
    return answer.transcript;
  };
  return { version, play, stop };
}

/** Workers have no file system: every module is named. Here a specifier of the package is one as well, beside who imports it. */
async function modulesOf(folder) {
  const module = async (type, path, encoding) => {
    return { type, path: join(folder, path), contents: await readFile(join(folder, path), encoding) };
  };
  const isDriver = (path) => /^parity\/hosts\/[^/]+$/.test(path);
  const isEntry = (path) => path.startsWith(`${PACKAGE}/entry/`);
  const played = await listed(folder, "parity", (path) => path.endsWith(".mjs") && !isDriver(path));
  const packaged = await listed(folder, PACKAGE, (path) => path.endsWith(".js") && !isEntry(path));
  const wasm = await listed(folder, PACKAGE, (path) => path.endsWith(".wasm"));
  const leads = Object.entries(await entries(join(folder, PACKAGE), ["workerd"])).map(([specifier, path]) => {
    const place = join(dirname(PROGRAM), specifier);
    const contents = `export * from "${relative(dirname(place), join(PACKAGE, path))}";`;
    return { type: "ESModule", path: join(folder, place), contents };
  });
  const scripts = [PROGRAM, ...played.filter((path) => path !== PROGRAM), ...packaged, `${PACKAGE}/entry/workerd.js`];
  return Promise.all([
    ...scripts.map((path) => module("ESModule", path, "utf8")),
    ...leads,
    ...wasm.map((path) => module("CompiledWasm", path)),
  ]);
}

async function listed(folder, below, isWanted) {
  const files = await readdir(join(folder, below), { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => relative(folder, join(file.parentPath, file.name)));
  return paths.filter(isWanted);
}
