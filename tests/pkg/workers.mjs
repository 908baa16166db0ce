// The installed package inside Workers, as the simulator wants it.

import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PACKAGE = "node_modules/shardwire/";

/** Workers have no file system: every module is named, the one that is run first. */
export async function workerModules(folder, main) {
  const top = await readdir(join(folder, PACKAGE));
  const scripts = [...top.filter((name) => name.endsWith(".js")), "entry/workerd.js", "wasm/codecs.js", "wasm/shardwire.js"];
  const modules = ["wasm/codecs_bg.wasm", "wasm/shardwire_bg.wasm"];
  const module = async (type, path, encoding) => ({
    type,
    path: join(folder, path),
    contents: await readFile(join(folder, path), encoding),
  });
  return Promise.all([
    module("ESModule", main, "utf8"),
    ...scripts.map((name) => module("ESModule", PACKAGE + name, "utf8")),
    ...modules.map((name) => module("CompiledWasm", PACKAGE + name)),
  ]);
}

/**
 * The newest runtime there is here, wrangler's own, as `{ path, date }`: the simulator of an older one runs it too. On machines
 * for which npm has none it is the simulator's.
 */
export function newestRuntime() {
  const ofSimulator = createRequire(import.meta.url);
  const ofWrangler = createRequire(ofSimulator.resolve("wrangler/package.json"));
  const path = fileURLToPath(
    new URL("../../node_modules/wrangler/node_modules/@cloudflare/workerd-linux-64/bin/workerd", import.meta.url),
  );
  const { version } = (existsSync(path) ? ofWrangler : ofSimulator)("workerd/package.json");
  // Such as 1.20261117.1.
  const [, year, month, day] = /^1\.(\d{4})(\d\d)(\d\d)\./.exec(version);
  return { path: existsSync(path) ? path : undefined, date: `${year}-${month}-${day}` };
}

/** Asks until the answer fits, and gives it. */
export async function until(ask, fits) {
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    await pause(50);
  }
}
