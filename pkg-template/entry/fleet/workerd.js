// Fleets in Cloudflare Workers.
import "../workerd.js";

export * from "../../fleet.js";
