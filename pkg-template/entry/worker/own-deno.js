// The worker of fleets whose user has none.
import { serveShards } from "./deno.js";

serveShards();
