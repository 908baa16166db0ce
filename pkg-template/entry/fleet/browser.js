// Fleets in browsers and bundlers.
import "../browser.js";

export * from "../../fleet.js";
