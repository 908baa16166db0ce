// The declarations of the installed package, checked by three majors of the compiler as users set them up: strictly, without
// leaving out declarations of packages, for bundlers and for Node.js.

import assert from "node:assert/strict";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { makeProject, run } from "./project.mjs";

const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeout: 120_000 };
/** Names of the compilers' packages; the newest has its own. */
const COMPILERS = ["typescript", "typescript-6", "typescript-5"];
const RESOLUTIONS = { bundler: "esnext", nodenext: "nodenext" };
/** What is compiled, and with which libraries. */
const PROGRAMS = {
  "types.ts": ["es2022", "dom"],
  "least-types.ts": ["es2022"],
  "discord-types.ts": ["es2022", "dom"],
};

let plain;
let typed;

before(async () => {
  plain = await makeProject();
  await copyPrograms(plain.folder);
  // The same project with the types of Discord's data installed.
  typed = join(plain.folder, "typed");
  await mkdir(join(typed, "node_modules"), { recursive: true });
  await copyPrograms(typed);
  await cp(join(plain.folder, "node_modules/shardwire"), join(typed, "node_modules/shardwire"), { recursive: true });
  const name = "node_modules/discord-api-types";
  await symlink(fileURLToPath(new URL(name, ROOT)), join(typed, name), "dir");
}, LIMITS);

after(async () => {
  await plain?.remove();
});

for (const compiler of COMPILERS) {
  for (const resolution of Object.keys(RESOLUTIONS)) {
    test(`${await nameOf(compiler)} accepts the declarations, resolved for ${resolution}`, LIMITS, async () => {
      await compile(compiler, plain.folder, "types.ts", resolution);
      await compile(compiler, plain.folder, "least-types.ts", resolution);
      await compile(compiler, typed, "discord-types.ts", resolution);
    });
  }
}

test("what is missing is named if the types of Discord's data are not installed", LIMITS, async () => {
  const isTold = ({ stdout }) => /Cannot find module 'discord-api-types/.test(stdout);
  await assert.rejects(compile(COMPILERS[0], plain.folder, "discord-types.ts", "nodenext"), isTold);
});

async function copyPrograms(folder) {
  for (const name of Object.keys(PROGRAMS)) await cp(new URL(name, import.meta.url), join(folder, name));
}

/** Compiles a program in a folder, where only what is installed there is found. */
async function compile(compiler, folder, program, resolution) {
  const compilerOptions = {
    target: "es2022",
    lib: PROGRAMS[program],
    module: RESOLUTIONS[resolution],
    moduleResolution: resolution,
    types: [],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const config = join(folder, `tsconfig.${compiler}.${resolution}.${program}.json`);
  await writeFile(config, JSON.stringify({ compilerOptions, files: [program] }));
  await run(process.execPath, [fileURLToPath(new URL(`node_modules/${compiler}/bin/tsc`, ROOT)), "--project", config]);
}

async function nameOf(compiler) {
  const manifest = await readFile(new URL(`node_modules/${compiler}/package.json`, ROOT), "utf8");
  return `TypeScript ${JSON.parse(manifest).version.split(".")[0]}`;
}
