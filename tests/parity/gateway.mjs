// A mock gateway for one scenario, and what it saw when all is over. Knows no client.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startGateway } from "../pkg/gateway.mjs";

/** Until the gateway has noticed the end of the last connection. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 10;
/** Options that have another name on the command line. */
const FLAGS = {
  heartbeatInterval: "heartbeat-interval",
  identifySpacing: "identify-spacing",
  maxConcurrency: "max-concurrency",
};

/** Runs `work` with the address of a gateway; gives what that gave, and what the server saw. */
export async function withGateway(scenario, work) {
  const folder = await mkdtemp(join(tmpdir(), "shardwire-matrix-"));
  let gateway;
  try {
    gateway = await startGateway(await toArguments(scenario.gateway, folder), "ignore");
    const clients = await work(gateway.url);
    return { clients, server: await seenBy(gateway) };
  } finally {
    await gateway?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function toArguments({ script, replay, zstdFrames, ...options }, folder) {
  const given = {};
  for (const [name, value] of Object.entries(options)) given[FLAGS[name] ?? name] = value;
  for (const [name, value] of Object.entries({ script, replay })) {
    if (value === undefined) continue;
    given[name] = join(folder, `${name}.json`);
    await writeFile(given[name], JSON.stringify(value));
  }
  return zstdFrames ? { ...given, "zstd-frames": true } : given;
}

/** The clients have ended, but their last words may still be under way. */
async function seenBy(gateway) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const visits = await gateway.received();
    const { violations, faults_waiting: faultsWaiting } = await gateway.state();
    if (visits.every(({ end }) => end !== null) || performance.now() > end) return { visits, violations, faultsWaiting };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
