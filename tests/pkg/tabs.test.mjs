// Fleets in browsers: tabs that share one in a SharedWorker, and one in workers of a page.

import assert from "node:assert/strict";
import { cp, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch } from "../e2e/support.mjs";
import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject } from "./project.mjs";
import { serve } from "./site.mjs";

const LIMITS = { timeout: 60_000 };
const READY = { type: "status", status: "ready" };
const RESUMED = { type: "resumed" };

let project;
let site;
let browser;

before(async () => {
  project = await makeProject();
  const example = join(project.folder, "shared-dashboard");
  await cp(new URL("../../examples/shared-dashboard/", import.meta.url), example, { recursive: true });
  await symlink("../node_modules/shardwire", join(example, "shardwire"), "dir");
  await writeFile(join(project.folder, "tabs/tab.html"), '<!doctype html><link rel="icon" href="data:,">');
  site = await serve(project.folder, { ".css": "text/css" });
  browser = await launch();
}, LIMITS);

after(async () => {
  await browser?.close();
  site?.close();
  await project?.remove();
});

/** Runs `work` with a gateway and a function that opens a tab of one browser profile; a tab does what `tab.js` can. */
async function withTabs(gatewayOptions, work) {
  await withGateway({ guilds: 8, "max-concurrency": 64, ...gatewayOptions }, async (gateway) => {
    const context = await browser.newContext();
    const open = async () => {
      const page = await context.newPage();
      await page.goto(`${site.url}/tabs/tab.html`);
      const call = (name, ...args) =>
        page.evaluate(async ([name, args]) => (await import("/tabs/tab.js"))[name](...args), [name, args]);
      return { page, call, read: (count, wanted) => call("read", count, wanted) };
    };
    const options = { token: TOKEN, intents: 0x331ffff, url: gateway.url, shards: 2 };
    try {
      await work({ gateway, open, options });
    } finally {
      await context.close();
    }
  });
}

test("tabs share one fleet, which goes on when some of them close, and resumes when all were closed", LIMITS, async () => {
  await withTabs({ rate: 20 }, async ({ gateway, open, options }) => {
    const [one, other] = [await open(), await open()];
    await Promise.all([one.call("join", options), other.call("join", options)]);
    // Two of five seconds' distance, as nobody has told how many may identify at once.
    await Promise.all([one.read(2, READY), other.read(2, READY)]);
    assert.deepEqual(await one.call("picture"), {
      total: 2,
      numbers: [0, 1],
      health: { waiting: 0, connecting: 0, ready: 2, disconnected: 0, leaving: 0 },
    });
    const [here] = await one.read(1, { name: "MESSAGE_CREATE" });
    assert.equal(typeof here.data.content, "string");
    await other.call("askShard", 1, "updatePresence", { status: "idle" });
    await other.call("ask", "restart", 0);
    for (const tab of [one, other]) await tab.read(1, RESUMED);
    assert.equal((await gateway.state()).identifies, 2);

    await one.page.close();
    await other.read(5, { name: "MESSAGE_CREATE" });
    assert.equal((await other.call("ask", "infos")).length, 2);
    // The store writes once a second.
    const { identifies, resumed } = await gateway.state();
    await other.read(30, { type: "dispatch" });
    await other.page.close();

    const next = await open();
    await next.call("join", options);
    await next.read(2, RESUMED);
    await next.read(5, { name: "MESSAGE_CREATE" });
    const now = await gateway.state();
    assert.deepEqual([now.identifies, now.resumed - resumed], [identifies, 2]);
    await next.call("ask", "end");
  });
});

test("a tab that does not read loses its oldest events, and is told how many", LIMITS, async () => {
  const COUNT = 3000;
  await withTabs({ rate: 0 }, async ({ gateway, open, options }) => {
    const [quick, slow] = [await open(), await open()];
    for (const tab of [quick, slow]) await tab.call("join", { ...options, shards: 1 });
    await quick.call("ready");
    for (let at = 0; at < COUNT; at += 50) {
      await gateway.emit(Array.from({ length: 50 }, (_, more) => ({ guild_id: 0, name: "TESTED", data: at + more })));
      const seen = await quick.read(50, { name: "TESTED" });
      assert.deepEqual(seen.map(({ data }) => data), Array.from({ length: 50 }, (_, more) => at + more));
    }
    const [{ dropped }] = await slow.read(1, { code: "events-dropped" });
    const last = await slow.read(100, { name: "TESTED" });
    assert.deepEqual(last.map(({ data }) => data), Array.from({ length: 100 }, (_, at) => COUNT - 100 + at));
    assert.ok(dropped > COUNT / 2, `${dropped} were dropped`);
    await slow.call("ask", "end");
  });
});

test("a fleet of a page runs in workers of its own", LIMITS, async () => {
  await withTabs({ rate: 20 }, async ({ gateway, open, options }) => {
    const tab = await open();
    await tab.call("start", options);
    await tab.read(2, READY);
    const [{ data }] = await tab.read(1, { name: "MESSAGE_CREATE" });
    assert.equal(typeof data.content, "string");
    await tab.call("askShard", 1, "updatePresence", { status: "idle" });
    assert.equal(tab.page.workers().length, 2);
    const sessions = await tab.call("ask", "close", { keepSession: true });
    assert.deepEqual(sessions.map(({ shard }) => shard), [[0, 2], [1, 2]]);
    assert.equal((await gateway.state()).identifies, 2);
  });
});

test("the example shows one fleet in two tabs, in the light and in the dark", LIMITS, async () => {
  await withGateway({ guilds: 8, rate: 20 }, async (gateway) => {
    const context = await browser.newContext({ colorScheme: "dark" });
    try {
      const open = async () => {
        const page = await context.newPage();
        await page.goto(`${site.url}/shared-dashboard/index.html`);
        await page.getByLabel("Token").fill(TOKEN);
        await page.getByLabel("Address").fill(gateway.url);
        await page.getByRole("button", { name: "Join" }).click();
        await page.getByText("Joined: 2 shards.").waitFor();
        return page;
      };
      const [one, other] = [await open(), await open()];
      for (const page of [one, other]) {
        const ready = page.getByRole("row", { name: /^[01] ready/ });
        for (const at of [0, 1]) await ready.nth(at).waitFor();
        await page.getByRole("listitem").first().waitFor();
      }
      const ground = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      assert.equal(await ground(one), "rgb(16, 19, 24)");
      await one.emulateMedia({ colorScheme: "light" });
      assert.equal(await ground(one), "rgb(255, 255, 255)");
      await one.getByRole("button", { name: "Restart shard 1" }).click();
      await one.getByRole("button", { name: "End the fleet for all tabs" }).click();
      for (const page of [one, other]) await page.getByText("Left, or the fleet has ended.").waitFor();
      assert.ok(!(await one.content()).includes(TOKEN));
      assert.equal((await gateway.state()).identifies, 2);
    } finally {
      await context.close();
    }
  });
});
