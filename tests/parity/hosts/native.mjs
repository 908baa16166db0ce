// The Rust crate on tokio, in a process of its own that speaks JSON lines.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

export const native = { name: "native", start };

async function start() {
  const binary = new URL("debug/examples/parity", `file://${process.env.SHARDWIRE_TARGET}/`);
  const child = spawn(binary.pathname, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map();
  let newest = 0;
  const ended = once(child, "exit");
  const fail = (error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  child.on("error", fail);
  child.on("exit", (code) => fail(new Error(`the native player ended with ${code}`)));
  onLines(child.stdout, (line) => {
    const { id, transcript, error } = JSON.parse(line);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(transcript);
    else reject(new Error(error));
  });
  return {
    version: await versionOf(),
    play(task) {
      return new Promise((resolve, reject) => {
        waiting.set(++newest, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id: newest, task })}\n`);
      });
    },
    async stop() {
      child.stdin.end();
      child.kill();
      await ended;
    },
  };
}

async function versionOf() {
  const manifest = await readFile(new URL("../../../Cargo.toml", import.meta.url), "utf8");
  return /^version = "(.*)"$/m.exec(manifest)[1];
}

/** Not by `node:readline`, which takes U+2028 for the end of a line. */
function onLines(stream, take) {
  let rest = "";
  stream.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) take(line);
  });
}
