// An empty project with the built package installed into it, as a user would have it.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { withGateway } from "./gateway.mjs";

export const TOKEN = "MTA0.fake-token.for-tests-only";
export const run = promisify(execFile);

/** Runtimes other than Node.js. npm brings them for Linux; elsewhere they have to be on PATH. */
export const programs = {
  bun: installed("@oven/bun-linux-x64/bin/bun") ?? "bun",
  deno: installed("@deno/linux-x64-glibc/deno") ?? "deno",
};

/** Where a file of the repository's own npm packages is, if it is there. */
function installed(path) {
  const file = fileURLToPath(new URL(`../../node_modules/${path}`, import.meta.url));
  return existsSync(file) ? file : undefined;
}

/** Runs `work` with a gateway of its own and the options to reach it. */
export function withOptions(work) {
  return withGateway({ rate: 50 }, ({ url }) => work({ token: TOKEN, intents: 0xffff, url }));
}

/** Packs the package and installs the tarball, without a network. The fixtures are copied beside it. */
export async function makeProject() {
  const folder = await mkdtemp(join(tmpdir(), "shardwire-install-"));
  const npm = (args, cwd) => run("npm", args, { cwd, shell: process.platform === "win32" });
  const { stdout } = await npm(["pack", "--json", "--pack-destination", folder], process.env.SHARDWIRE_PACKAGE);
  // Newer npm may answer with an object by name, older npm with a list.
  const [tarball] = Object.values(JSON.parse(stdout));
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await npm(["install", "--offline", "--no-audit", "--no-fund", join(folder, tarball.filename)], folder);
  await cp(new URL("fixtures/", import.meta.url), folder, { recursive: true });
  return { folder, tarball, remove: () => rm(folder, { recursive: true, force: true }) };
}
