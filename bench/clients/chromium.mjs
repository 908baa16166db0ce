// A client in a page of Chromium, or in a worker of one. What the page's process and the network's have used is asked of the
// browser, in steps of 10 ms.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { CHROMIUM_FLAGS } from "../../tests/e2e/flags.mjs";
import { openDesk, peakOf } from "./desk.mjs";
import { job, tell } from "./meter.mjs";

const clients = dirname(fileURLToPath(import.meta.url));
const inside = {
  ...job,
  entry: "/shardwire/entry/browser.js",
  codecs: "/shardwire/wasm/browser-codecs.js",
  pako: "/pako/dist/pako.mjs",
};
const start = `
  import { play } from "/clients/page.mjs";
  const tell = (step, count, sequence) => fetch("/tell?" + new URLSearchParams({ step, count, sequence }));
  play(${JSON.stringify(inside)}, tell).catch((error) => fetch("/tell?" + new URLSearchParams({ error: String(error) })));
`;
const inWorker = `new Worker(URL.createObjectURL(new Blob([${JSON.stringify(
  start.replaceAll('"/', '"ORIGIN/'),
)}.replaceAll("ORIGIN", location.origin)], { type: "text/javascript" })), { type: "module" });`;

let session;
const processes = async () => (await session.send("SystemInfo.getProcessInfo")).processInfo;
const desk = await openDesk({
  folders: { clients, pako: join(clients, "../node_modules/pako"), shardwire: job.package },
  page: `<!doctype html><link rel="icon" href="data:,"><script type="module">${job.worker ? inWorker : start}</script>`,
  async measure() {
    const all = await processes();
    const used = (type) =>
      Math.round(all.filter((process) => process.type === type).reduce((sum, { cpuTime }) => sum + cpuTime * 1e6, 0));
    return { cpu_us: used("renderer"), network_us: used("utility") };
  },
});
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN, args: CHROMIUM_FLAGS });
try {
  session = await browser.newBrowserCDPSession();
  const page = await browser.newPage();
  page.on("pageerror", (error) => desk.fail(String(error)));
  page.on("console", (message) => console.error(message.text()));
  await page.goto(desk.url);
  const result = await desk.result;
  const renderers = (await processes()).filter(({ type }) => type === "renderer");
  tell({ ...result, peak_kb: Math.max(...renderers.map(({ id }) => peakOf(id))) });
} finally {
  await browser.close();
  desk.close();
}
