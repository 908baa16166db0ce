// What it takes from nothing to the first connection, in a process or a page in which nothing of ours was loaded yet. Knows no
// host, and opens no connection.

/** Imports `entry` and makes one shard. Gives microseconds by the clock on the wall. */
export async function start(entry) {
  let compiling = 0;
  const timed = (name, trap) => {
    const handler = {
      [trap](...told) {
        const before = performance.now();
        const done = () => (compiling += performance.now() - before);
        const made = Reflect[trap](...told);
        if (made instanceof Promise) made.then(done, done);
        else done();
        return made;
      },
    };
    WebAssembly[name] = new Proxy(WebAssembly[name], handler);
  };
  timed("Module", "construct");
  timed("Instance", "construct");
  // With the module's download from this machine.
  timed("compileStreaming", "apply");

  const { promise: asked, resolve } = Promise.withResolvers();
  class WebSocket {
    constructor() {
      resolve(performance.now());
    }
    close() {}
  }
  const began = performance.now();
  const { Shard } = await import(entry);
  const loaded = performance.now();
  const shard = new Shard({ token: "bench", intents: 0, url: "ws://127.0.0.1:9", WebSocket });
  void shard[Symbol.asyncIterator]().next();
  const connect = (await asked) - loaded;
  const toMicros = (millis) => Math.round(millis * 1000);
  return { load_us: toMicros(loaded - began), module_us: toMicros(compiling), connect_us: toMicros(connect) };
}
