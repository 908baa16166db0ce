// A client in a Worker under Cloudflare's runtime, whose process is looked at from outside, in steps of 10 ms: code in a Worker
// sees no clock that moves.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { Miniflare } from "miniflare";

import { newestRuntime, workerModules } from "../../tests/pkg/workers.mjs";
import { openDesk, peakOf } from "./desk.mjs";
import { job, tell } from "./meter.mjs";

/** The kernel's clock for processes: 100 ticks in a second. */
const TICK_US = 10_000;

const clients = dirname(fileURLToPath(import.meta.url));
const entry = join(job.package, "entry/workerd.js");
const beside = (path) => relative(clients, path).replace(/^(?!\.)/, "./");
const { path: runtime, date } = newestRuntime();

let pid;
const desk = await openDesk({
  measure() {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return { cpu_us: (Number(fields[11]) + Number(fields[12])) * TICK_US };
  },
});
if (runtime) process.env.MINIFLARE_WORKERD_PATH = runtime;
const main = `
  import { play } from "./page.mjs";
  export default {
    async fetch() {
      const desk = ${JSON.stringify(desk.url)};
      const tell = (step, count, sequence) => fetch(desk + "/tell?" + new URLSearchParams({ step, count, sequence }));
      await new Promise((over) => {
        const told = (step, ...rest) => tell(step, ...rest).finally(() => step === "last" && over());
        play(${JSON.stringify({ ...job, entry: beside(entry) })}, told)
          .catch((error) => fetch(desk + "/tell?" + new URLSearchParams({ error: String(error) })));
      });
      return new Response();
    },
  };
`;
const worker = new Miniflare({
  modulesRoot: "/",
  modules: [
    { type: "ESModule", path: join(clients, "main.mjs"), contents: main },
    ...(await workerModules(join(clients, "page.mjs"))),
    ...(await workerModules(entry)),
  ],
  compatibilityDate: date,
});
try {
  await worker.ready;
  [pid] = readdirSync("/proc/self/task").flatMap((task) => {
    const children = readFileSync(`/proc/self/task/${task}/children`, "utf8");
    return children.split(" ").filter(Boolean);
  });
  worker.dispatchFetch("http://worker/").catch((error) => desk.fail(String(error)));
  tell({ ...(await desk.result), peak_kb: peakOf(pid) });
} finally {
  await worker.dispose();
  desk.close();
}
