// Fleets in Deno.
import "../deno.js";

export * from "../../fleet.js";
