// How a process of Node.js, Deno or Bun starts with shardwire.
import { job, tell } from "./meter.mjs";
import { start } from "./start.mjs";

tell(await start(job.entry));
