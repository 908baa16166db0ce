// One fleet for several tabs of a page, in a SharedWorker: both halves. Knows no host; a port is a `MessagePort`.

export { ShardwireError } from "./error.js";
export { joinFleet } from "./shared-fleet.js";
export { serveFleet } from "./tabs.js";
