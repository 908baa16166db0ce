// Cloudflare's runtime: a Worker, and a Durable Object behind one. Each task is a request.

import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { Miniflare } from "miniflare";
import { compatibilityDate, version } from "workerd";

import { entries, installed } from "./installed.mjs";
import { rememberPrinted } from "./printed.mjs";

const PACKAGE = "node_modules/shardwire";
const PROGRAM = "parity/hosts/inside/workerd.mjs";

/** As of a day, since what Workers do depends on one. */
export function workersOf(day) {
  const kinds = { Worker: {}, "Durable Object": { durableObjects: { PLAYER: "Player" } } };
  return Object.entries(kinds).map(([name, options]) => {
    return { name, start: () => start(name, { compatibilityDate: day, ...options }) };
  });
}

/** The newest day that this workerd knows. */
export const workers = workersOf(compatibilityDate);

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

/** Workers have no file system: every module is named. */
async function modulesOf(folder) {
  const isDriver = (path) => /^parity\/hosts\/[^/]+$/.test(path);
  const played = await listed(folder, "parity", (path) => path.endsWith(".mjs") && !isDriver(path));
  const scripts = [PROGRAM, ...played.filter((path) => path !== PROGRAM)];
  const modules = await Promise.all(scripts.map((path) => read(folder, "ESModule", path)));
  return [...modules, ...(await packageModules(folder, dirname(PROGRAM)))];
}

/** The package in `folder`. A specifier of it is a module as well, `beside` those that import it. */
export async function packageModules(folder, beside) {
  const targets = await entries(join(folder, PACKAGE), ["workerd"]);
  const leads = Object.entries(targets).map(([specifier, path]) => {
    const place = join(beside, specifier);
    const target = relative(dirname(place), join(PACKAGE, path)).replace(/^(?!\.)/, "./");
    return { type: "ESModule", path: join(folder, place), contents: `export * from "${target}";` };
  });
  // An entry of another host may be written in what this one cannot read.
  const isOurs = (path) => !path.startsWith(`${PACKAGE}/entry/`) || Object.values(targets).includes(relative(PACKAGE, path));
  const scripts = await listed(folder, PACKAGE, (path) => path.endsWith(".js") && isOurs(path));
  const wasm = await listed(folder, PACKAGE, (path) => path.endsWith(".wasm"));
  const modules = [
    ...scripts.map((path) => read(folder, "ESModule", path)),
    ...wasm.map((path) => read(folder, "CompiledWasm", path)),
  ];
  return [...leads, ...(await Promise.all(modules))];
}

async function read(folder, type, path) {
  const contents = await readFile(join(folder, path), type === "ESModule" ? "utf8" : undefined);
  return { type, path: join(folder, path), contents };
}

async function listed(folder, below, isWanted) {
  const files = await readdir(join(folder, below), { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => relative(folder, join(file.parentPath, file.name)));
  return paths.filter(isWanted);
}
