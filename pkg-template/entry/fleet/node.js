// Fleets in Node.js and Bun.
import "../node.js";

export * from "../../fleet.js";
