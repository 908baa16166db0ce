// A folder as a web server would serve it, on this machine only; and pages opened from it. Knows nothing of shards.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Serves a folder until `close()`. Gives its address, without a slash at its end. `types` are further types, by extension. */
export async function serve(folder, types) {
  const known = { ...TYPES, ...types };
  const server = createServer(({ url }, response) => {
    const path = join(folder, normalize(decodeURIComponent(new URL(url, "http://localhost").pathname)));
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": known[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Opens a page that leaves a promise in `globalThis.answer`. Gives what it resolves with, and which modules were fetched. */
export async function ask(browser, address) {
  const context = await browser.newContext();
  try {
    const modules = new Set();
    const errors = [];
    context.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.endsWith(".wasm")) modules.add(pathname);
    });
    context.on("weberror", (error) => errors.push(error.error()));
    const page = await context.newPage();
    await page.goto(address);
    const isAnswered = page.waitForFunction(() => globalThis.answer, undefined, { timeout: 20_000 });
    await isAnswered.catch((cause) => assert.fail(`${address} did not answer: ${errors.join("; ") || cause.message}`));
    return { answer: await page.evaluate(() => globalThis.answer), modules: [...modules] };
  } finally {
    await context.close();
  }
}
