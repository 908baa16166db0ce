// The other end of `node.mjs`: plays what comes.

import { play } from "../play.mjs";

const load = (path) => import(new URL(path, `file://${process.env.SHARDWIRE_PACKAGE}/`));
const shardwire = { main: await load("entry/node.js"), requests: await load("requests.js"), discover: await load("discover.js") };

process.on("message", async ({ id, task }) => {
  try {
    process.send({ id, transcript: await play(task, shardwire) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
