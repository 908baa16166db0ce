// The worker of fleets whose user has none.
import { serveShards } from "./node.js";

serveShards();
