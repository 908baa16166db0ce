// Node.js 24, in a process of its own.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const host = { name: "Node.js 24", start };

async function start() {
  const path = fileURLToPath(new URL("node-player.mjs", import.meta.url));
  const child = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const waiting = new Map();
  let newest = 0;
  child.on("message", ({ id, transcript, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(transcript);
    else reject(new Error(error));
  });
  return {
    version: process.versions.node,
    play(task) {
      return new Promise((resolve, reject) => {
        waiting.set(++newest, { resolve, reject });
        child.send({ id: newest, task });
      });
    },
    async stop() {
      child.kill();
      await once(child, "exit");
    },
  };
}
