// The hosts of the parity matrix: the Rust crate, and each JavaScript runtime. Knows nothing of what is played in them.

import { browsers } from "./browsers.mjs";
import { holdChildren } from "./leash.mjs";
import { native } from "./native.mjs";
import { processes } from "./processes.mjs";
import { workers } from "./workers.mjs";

/**
 * Each has a `name`, and `start()`, which resolves to `{ version, play(task), stop() }`. `play` resolves to the transcript that
 * `play.mjs` made of the task inside the runtime, with the package installed there, or `native/` with the crate; it may be
 * called several times at once. It rejects with the last lines of the runtime if that dies or falls silent.
 */
export const HOSTS = [native, ...processes, ...workers, ...browsers];

holdChildren();
