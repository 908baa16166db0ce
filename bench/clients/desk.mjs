// Where clients that are measured from outside are served their files, and tell how far they are. Knows no browser and no Worker.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/**
 * Serves `folders` by the first part of a path, and `page` at the root. `measure` gives the processor time in microseconds so
 * far, by whatever names: it is called at each step of the client, which waits for it. `result` has what was told at the end.
 */
export async function openDesk({ folders = {}, page = "", measure }) {
  const { promise: result, resolve, reject } = Promise.withResolvers();
  let atBurst;
  const told = async ({ step, count, sequence, error }) => {
    if (step === "burst") {
      atBurst = { used: await measure(), at: performance.now() };
    } else if (step === "last") {
      const used = await measure();
      const difference = Object.entries(used).map(([name, micros]) => [name, micros - atBurst.used[name]]);
      const wall = Math.round((performance.now() - atBurst.at) * 1000);
      resolve({ count: Number(count), sequence: Number(sequence), wall_us: wall, ...Object.fromEntries(difference) });
    } else {
      reject(new Error(error));
    }
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    if (pathname === "/tell") {
      await told(Object.fromEntries(searchParams)).catch(reject);
      return response.writeHead(204).end();
    }
    if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end(page);
    const [, top, rest] = /^\/(\w+)\/(.+)$/.exec(normalize(pathname)) ?? [];
    const body = Object.hasOwn(folders, top ?? "") && (await readFile(join(folders[top], rest)).catch(() => null));
    if (!body) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(rest)] ?? "application/octet-stream" }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    result,
    fail: (message) => reject(new Error(message)),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The most memory that a process has had, in KiB. */
export function peakOf(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}
