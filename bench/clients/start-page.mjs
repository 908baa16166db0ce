// How a page of Chromium starts with shardwire. The browser has run before, the page has loaded nothing of ours.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { CHROMIUM_FLAGS } from "../../tests/e2e/flags.mjs";
import { openDesk } from "./desk.mjs";
import { job, tell } from "./meter.mjs";

const clients = dirname(fileURLToPath(import.meta.url));
const desk = await openDesk({ folders: { clients, shardwire: job.package } });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN, args: CHROMIUM_FLAGS });
try {
  const page = await browser.newPage();
  await page.goto(desk.url);
  tell(
    await page.evaluate(async () => {
      const { start } = await import("/clients/start.mjs");
      return start("/shardwire/entry/browser.js");
    }),
  );
} finally {
  await browser.close();
  desk.close();
}
