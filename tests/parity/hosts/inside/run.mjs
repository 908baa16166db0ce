// The program of Node.js, Deno, Bun, pages and workers of pages: plays what the desk hands out with the package as it is
// installed there.

import "shardwire/codecs";
import * as main from "shardwire";
import * as discover from "shardwire/discover";
import * as requests from "shardwire/requests";

import { play } from "../../play.mjs";
import { serve } from "./loop.mjs";

const { process } = globalThis;

await serve(process?.argv[2] ?? location.origin, (task) => play(task, { main, requests, discover }));
// What still plays would keep the process alive. Pages end with their browser.
process?.exit();
