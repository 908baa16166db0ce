// Browsers: a page, and a worker of a page. The package comes as files, by an import map or, where there is none, by address.

import { readFile } from "node:fs/promises";
import { join, normalize } from "node:path";

import puppeteer from "puppeteer-core";

import { CHROMIUM_FLAGS } from "../../e2e/flags.mjs";
import { openDesk } from "./desk.mjs";
import { PARITY, entries } from "./installed.mjs";
import { rememberPrinted } from "./printed.mjs";

const PROGRAM = "/parity/hosts/inside/run.mjs";
const TYPES = { js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };
/** With an icon, as browsers would ask for one. */
const HEAD = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';
const CHROMIUM = { browser: "chrome", variable: "CHROMIUM_BIN", args: CHROMIUM_FLAGS };
const FIREFOX = { browser: "firefox", variable: "FIREFOX_BIN", args: [] };

export const browsers = [
  { name: "Chromium page", start: () => start("Chromium page", CHROMIUM, pageSite) },
  { name: "Chromium worker", start: () => start("Chromium worker", CHROMIUM, workerSite) },
  { name: "Firefox page", start: () => start("Firefox page", FIREFOX, pageSite) },
];

async function start(name, { browser: kind, variable, args }, makeSite) {
  const executablePath = process.env[variable];
  if (!executablePath) throw new Error(`${variable} must name a browser; \`cargo xtask test\` installs and sets it`);
  const printed = rememberPrinted();
  const desk = await openDesk(name, { serve: await makeSite(), describe: printed.last });
  let browser;
  const stop = async () => {
    desk.close();
    await browser?.close();
  };
  try {
    browser = await puppeteer.launch({ browser: kind, executablePath, args });
    browser.on("disconnected", () => desk.fail("ended"));
    const [page] = await browser.pages();
    page.on("console", (message) => printed.take(message.text()));
    page.on("pageerror", (error) => printed.take(String(error)));
    page.on("error", (error) => desk.fail(String(error)));
    await page.goto(desk.url);
    await desk.arrival;
  } catch (error) {
    await stop();
    throw error;
  }
  return { version: /\d+(\.\d+)+/.exec(await browser.version())[0], play: desk.play, stop };
}

/** A page that plays, in which an import map says where the package is. */
async function pageSite() {
  const imports = await addresses();
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  return siteOf(`${map}<script type="module" src="${PROGRAM}"></script>`);
}

/** A page whose worker plays. Import maps do not hold in workers, so the addresses are written into the program. */
async function workerSite() {
  const imports = await addresses();
  const start = `new Worker("${PROGRAM}", { type: "module" }).onerror = ({ message }) => console.error(message);`;
  const withAddresses = (program) => program.replaceAll(/"(shardwire[/a-z]*)"/g, (_, specifier) => `"${imports[specifier]}"`);
  return siteOf(`<script>${start}</script>`, (path, body) => (path === PROGRAM ? withAddresses(String(body)) : body));
}

async function addresses() {
  const found = Object.entries(await entries(process.env.SHARDWIRE_PACKAGE, ["browser"]));
  return Object.fromEntries(found.map(([specifier, path]) => [specifier, `/shardwire/${path}`]));
}

/** A page at the root, the package, and what is played. Nothing else of this machine. */
function siteOf(page, change = (_, body) => body) {
  const folders = { parity: PARITY, shardwire: process.env.SHARDWIRE_PACKAGE };
  return async (path) => {
    if (path === "/") return { type: "text/html", body: `${HEAD}${page}` };
    const [, top, rest] = /^\/(\w+)\/(.+)$/.exec(normalize(path)) ?? [];
    const type = TYPES[path.split(".").at(-1)];
    if (!Object.hasOwn(folders, top ?? "") || !type) return undefined;
    const body = await readFile(join(folders[top], rest)).catch(() => undefined);
    return body && { type, body: change(path, body) };
  };
}
