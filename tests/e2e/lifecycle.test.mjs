// A shard in a page and one in a worker, while the browser goes offline and the page is frozen. The test's browser freezes
// nothing and tells workers nothing about the network, so those events are made up; their targets are real.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { withGateway } from "../pkg/gateway.mjs";
import { eventually, launch, number, open, shows, startXtask } from "./support.mjs";

const LIMITS = { timeout: 90_000 };
/** Any page of the site will do. This one loads nothing by itself. */
const PLAIN_PAGE = "vendor/shardwire/package.json";

let browser;

before(async () => {
  browser = await launch();
}, LIMITS);

after(async () => {
  await browser?.close();
});

/** Runs `work` with a page of the site, and a gateway of its own. */
async function withPage(path, work) {
  await withGateway({ rate: 25 }, async ({ url }) => {
    const site = await startXtask(["serve", "--port", "0", "--gateway", url], 20_000);
    try {
      const { page, context } = await open(browser, new URL(path, site.url).href);
      await work({ page, context, gateway: url });
      await context.close();
    } finally {
      await site.interrupt();
    }
  });
}

/** Starts a shard in the page itself, which nobody does who reads the documentation, and waits until it is ready. */
async function startShard(page, gateway, options = {}) {
  await page.evaluate(
    async ([url, options]) => {
      const { Shard } = await import(new URL("./entry/browser.js", location.href).href);
      globalThis.shard = new Shard({ token: "MTA0.in-a-page.for-tests-only", intents: 0xffff, url, ...options });
      void (async () => {
        for await (const event of globalThis.shard);
      })();
    },
    [gateway, options],
  );
  await isReady(page);
}

function read(page) {
  return page.evaluate(() => ({ status: globalThis.shard.status, ...globalThis.shard.info().counters }));
}

function isReady(page) {
  return eventually("the shard is ready", () => read(page), ({ status }) => status === "ready");
}

function isIdle(page) {
  return eventually("the shard has left off", () => read(page), ({ status }) => status === "idle");
}

async function assertResumed(page, resumes) {
  const counters = await isReady(page);
  assert.deepEqual([counters.identifies, counters.resumes, counters.gaps], [1, resumes, 0]);
}

test("a page's shard leaves off while the browser is offline, and resumes", LIMITS, async () => {
  await withPage(PLAIN_PAGE, async ({ page, context, gateway }) => {
    await startShard(page, gateway);
    await context.setOffline(true);
    await isIdle(page);
    await context.setOffline(false);
    await assertResumed(page, 1);
    await page.evaluate(() => globalThis.shard.close());
  });
});

test("a frozen page's shard leaves off, and resumes", LIMITS, async () => {
  await withPage(PLAIN_PAGE, async ({ page, gateway }) => {
    await startShard(page, gateway);
    await page.evaluate(() => document.dispatchEvent(new Event("freeze")));
    await isIdle(page);
    await page.evaluate(() => document.dispatchEvent(new Event("resume")));
    await assertResumed(page, 1);
    await page.evaluate(() => globalThis.shard.close());
  });
});

test("a shard that is told not to follow its page goes on", LIMITS, async () => {
  await withPage(PLAIN_PAGE, async ({ page, gateway }) => {
    await startShard(page, gateway, { lifecycle: false });
    const { dispatches } = await read(page);
    await page.evaluate(() => globalThis.dispatchEvent(new Event("offline")));
    const counters = await eventually("events flow", () => read(page), (now) => now.dispatches > dispatches + 10);
    assert.deepEqual([counters.status, counters.connects], ["ready", 1]);
    await page.evaluate(() => globalThis.shard.close());
  });
});

test("a worker's shard leaves off while the browser is offline, and resumes", LIMITS, async () => {
  await withPage("", async ({ page }) => {
    await shows(page, "status", /^ready$/i);
    const [worker] = page.workers();
    await worker.evaluate(() => globalThis.dispatchEvent(new Event("offline")));
    await shows(page, "status", /^idle$/i);
    await worker.evaluate(() => globalThis.dispatchEvent(new Event("online")));
    await shows(page, "status", /^ready$/i);
    assert.deepEqual([await number(page, "identifies"), await number(page, "resumes")], [1, 1]);
  });
});
