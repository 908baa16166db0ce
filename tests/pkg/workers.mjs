// The installed package inside Workers, as the simulator wants it.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const TYPES = { ".wasm": "CompiledWasm", ".html": "Text" };

/** Workers have no file system: a script is named with all that it imports, now or later. */
export async function workerModules(script) {
  const modules = new Map();
  const add = async (path) => {
    if (modules.has(path)) return;
    const type = TYPES[extname(path)] ?? "ESModule";
    const contents = await readFile(path, type === "CompiledWasm" ? undefined : "utf8");
    modules.set(path, { type, path, contents });
    const found = type === "ESModule" ? contents.matchAll(/\b(?:from|import)[\s(]*"(\.[^"]+)"/g) : [];
    for (const [, to] of found) await add(join(dirname(path), to));
  };
  await add(script);
  return [...modules.values()];
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
