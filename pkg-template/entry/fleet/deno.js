// Fleets in Deno.
import "../deno.js";
import { createWorkersBy } from "../../workers.js";

createWorkersBy(() => new Worker(new URL("../worker/own-deno.js", import.meta.url), { type: "module" }));

export * from "../../fleet.js";
