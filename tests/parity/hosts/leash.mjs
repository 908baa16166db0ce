// Ends whatever this process starts if it dies without a word: a runtime that nobody steers any more would stay for ever. Does
// nothing as long as this process lives; knows nothing of runtimes.

import { spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";

/** Reads `+PID` and `-PID`, a line each. The end of its input is our death. */
const WATCHMAN = `
const pids = new Set();
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (line[0] === "+") pids.add(Number(line.slice(1)));
  else pids.delete(Number(line.slice(1)));
}).on("close", () => {
  for (const pid of pids) try { process.kill(pid, "SIGKILL"); } catch {}
});`;

let watchman;

/** From now on. A second call does nothing. */
export function holdChildren() {
  if (watchman) return;
  // Not of our group: what ends that must not end it first.
  watchman = spawn(process.execPath, ["--eval", WATCHMAN], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  watchman.unref();
  watchman.stdin.unref();
  watchman.stdin.on("error", () => {});
  subscribe("child_process", ({ process: child }) => {
    child.once("spawn", () => watchman.stdin.write(`+${child.pid}\n`));
    child.once("exit", () => watchman.stdin.write(`-${child.pid}\n`));
  });
}
