// One project with the packed package and what is played in it, for all hosts that need one. Removed with the last of them.

import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { makeProject } from "../../pkg/project.mjs";

/** The folder that holds what is played. */
export const PARITY = fileURLToPath(new URL("../", import.meta.url));

let making;
let users = 0;

/** The project's folder, and `release()` for when it is not needed any more. */
export async function installed() {
  users += 1;
  making ??= make();
  const { folder, remove } = await making;
  let isReleased = false;
  return {
    folder,
    async release() {
      if (isReleased) return;
      isReleased = true;
      users -= 1;
      if (users > 0) return;
      making = undefined;
      await remove();
    },
  };
}

async function make() {
  const project = await makeProject();
  await cp(PARITY, join(project.folder, "parity"), { recursive: true });
  return project;
}

/** What each specifier of the package in `folder` leads to under these conditions, as paths inside it. */
export async function entries(folder, conditions) {
  const { name, exports } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const pick = (target) => {
    if (typeof target === "string") return target;
    const condition = Object.keys(target).find((key) => key === "default" || conditions.includes(key));
    return pick(target[condition]);
  };
  const isScript = ([, path]) => path.endsWith(".js");
  const pairs = Object.entries(exports).map(([key, target]) => [name + key.slice(1), pick(target)]);
  return Object.fromEntries(pairs.filter(isScript).map(([specifier, path]) => [specifier, path.slice(2)]));
}
