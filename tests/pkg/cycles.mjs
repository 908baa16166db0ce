// A program that connects and closes shards and prints by how much its memory grew with each, as JSON. A program of its own, as
// what runs tests has memory that grows too.

/** What the package's module exports, under names that mean nothing: caught when it is loaded, which is after this. */
let exported;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...module) {
    super(...module);
    exported = Object.values(this.exports);
  }
};
const { assertNothingLeft, makeShard, repeat, stop, tidy } = await import("./counted.mjs");

const [warmUp, cycles] = process.argv.slice(2).map(Number);
const memory = exported.find((it) => it instanceof WebAssembly.Memory);
/** The tables hold values and functions of JavaScript. */
const tables = exported.filter((it) => it instanceof WebAssembly.Table);

async function cycle() {
  const shard = makeShard();
  await shard.ready;
  await shard.close();
}

async function measure() {
  await assertNothingLeft();
  // What one round of the collector frees may free more in the next.
  for (let round = 0; round < 10; round++) await tidy();
  const places = tables.reduce((sum, { length }) => sum + length, 0);
  return { heap: process.memoryUsage().heapUsed, wasm: memory.buffer.byteLength, places };
}

await repeat(warmUp, cycle);
const first = await measure();
await repeat(cycles, cycle);
const last = await measure();
await stop();
console.log(JSON.stringify(Object.fromEntries(Object.keys(first).map((what) => [what, (last[what] - first[what]) / cycles]))));
