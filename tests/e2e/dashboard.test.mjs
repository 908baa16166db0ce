// The dashboard in a real browser, against the mock gateway.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startGateway } from "../pkg/gateway.mjs";
import { AWKWARD, writeRecording } from "../pkg/recording.mjs";
import { eventually, launch, number, open, screenshot, shows, startXtask, text } from "./support.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const TOKEN = "MTA0.typed-by-hand.for-tests-only";
const VIEWS = ["events", "timeline", "send", "cost", "connection"];
const LIMITS = { timeout: 90_000 };
/** `demo` may have to build everything. */
const DEMO_LIMITS = { timeout: 600_000 };

/** Discord's interval is 41 s, which would be long to wait for a latency. */
const GATEWAY = { rate: 25, "heartbeat-interval": 2000 };

let browser;

before(async () => {
  browser = await launch();
}, LIMITS);

after(async () => {
  await browser?.close();
});

/**
 * Runs `work` on a fresh dashboard whose shard is ready. Each has a gateway of its own: to a common one, they would be
 * clients of one bot, whose identifies have to keep their distance.
 */
async function withDashboard({ excused, gateway = GATEWAY, ...options }, work) {
  const world = { gateway: await startGateway(gateway) };
  try {
    await withSite(world.gateway.url, async (url) => {
      const dashboard = await open(browser, url, options);
      await shows(dashboard.page, "status", /^ready$/i);
      await work(dashboard.page, Object.assign(world, dashboard));
      dashboard.checkManners();
      await dashboard.context.close();
    });
    const { violations } = await world.gateway.state();
    const serious = violations.filter((violation) => !excused?.test(violation));
    assert.deepEqual(serious, [], "what the gateway says about the client");
  } finally {
    await world.gateway.stop();
  }
}

async function withSite(gateway, work) {
  const site = await startXtask(["serve", "--port", "0", "--gateway", gateway], 20_000);
  try {
    await work(site.url);
  } finally {
    await site.interrupt();
  }
}

function tab(page, view) {
  return page.locator(`[role="tab"][data-view="${view}"]`);
}

/** Waits until more events have come than now. */
async function flows(page) {
  const now = await number(page, "events-total");
  await eventually("events flow", () => number(page, "events-total"), (total) => total > now);
}

test("events flow, compressed, without anything typed", LIMITS, async () => {
  await withDashboard({}, async (page) => {
    await flows(page);
    await page.getByTestId("event-row").first().waitFor();
    // Without compression it would be 1.
    await eventually("compression", async () => Number.parseFloat(await text(page, "compression-ratio")), (ratio) => ratio > 1.5);
    await shows(page, "latency", /\d/);
    assert.equal(await number(page, "identifies"), 1);
    assert.equal(await number(page, "gaps"), 0);
  });
});

test("ETF and zstd are chosen in the form, and loaded only then", LIMITS, async () => {
  await withDashboard({}, async (page, { requested }) => {
    const isCodecs = (address) => address.endsWith("codecs_bg.wasm");
    assert.ok(!requested.some(isCodecs), "nobody asked for it");
    await tab(page, "connection").click();
    await page.getByTestId("encoding").selectOption("etf");
    await page.getByTestId("compression").selectOption("payload");
    await page.getByTestId("connect").click();
    await shows(page, "error", /payload compression/);
    await page.getByTestId("compression").selectOption("zstd-stream");
    await page.getByTestId("connect").click();
    await eventually("the module is loaded", () => requested.filter(isCodecs).length, (count) => count === 1);
    await eventually("a second session", () => number(page, "identifies"), (count) => count === 2);
    await shows(page, "status", /^ready$/i);
    await flows(page);
    await tab(page, "cost").click();
    await page.getByText("Compression and ETF save").waitFor();
  });
});

test("a cut connection is resumed without a gap", LIMITS, async () => {
  await withDashboard({}, async (page, { gateway }) => {
    const session = await text(page, "session-id");
    // A refused attempt makes sure that events are missed meanwhile.
    await gateway.fault({ fault: "refuse_handshake", status: 503, times: 1 });
    await gateway.fault({ fault: "cut" });
    await eventually("a resume", () => number(page, "resumes"), (resumes) => resumes >= 1);
    await shows(page, "status", /^ready$/i);
    await eventually("a replay", () => number(page, "replayed"), (replayed) => replayed > 0);
    await flows(page);
    assert.equal(await text(page, "session-id"), session);
    assert.equal(await number(page, "gaps"), 0);
    assert.equal(await number(page, "identifies"), 1);
  });
});

test("the page's own button cuts the connection too", LIMITS, async () => {
  await withDashboard({}, async (page) => {
    await page.getByTestId("fault-cut").click();
    await eventually("a resume", () => number(page, "resumes"), (resumes) => resumes >= 1);
    await shows(page, "status", /^ready$/i);
    await flows(page);
    assert.equal(await number(page, "gaps"), 0);
  });
});

test("reconnect and resume keep the session, close ends it", LIMITS, async () => {
  await withDashboard({}, async (page) => {
    const session = await text(page, "session-id");
    await page.getByTestId("reconnect").click();
    await eventually("a resume", () => number(page, "resumes"), (resumes) => resumes === 1);
    await shows(page, "status", /^ready$/i);
    await page.getByTestId("resume").click();
    await eventually("another resume", () => number(page, "resumes"), (resumes) => resumes === 2);
    await shows(page, "status", /^ready$/i);
    assert.equal(await text(page, "session-id"), session);
    assert.equal(await number(page, "gaps"), 0);
    assert.equal(await number(page, "identifies"), 1);
    await page.getByTestId("close").click();
    await shows(page, "status", /^stopped$/i);
  });
});

test("a gateway that dies and comes back is waited for", LIMITS, async () => {
  await withDashboard({}, async (page, world) => {
    const session = await text(page, "session-id");
    await world.gateway.stop();
    await shows(page, "status", /^disconnected$/i);
    const sentence = () => text(page, "sentence");
    await eventually("the sentence counts attempts", sentence, (said) => /\d/.test(said));
    // Another seed, or the new gateway would give out the same session ids as the old one.
    world.gateway = await startGateway({ ...GATEWAY, seed: 2, port: world.gateway.port });
    await shows(page, "status", /^ready$/i, 60_000);
    const isNew = (shown) => shown !== session;
    await eventually("a new session", () => text(page, "session-id"), isNew);
    assert.equal(await number(page, "identifies"), 2);
    await flows(page);
  });
});

test("a typed token can be found nowhere", LIMITS, async () => {
  // The typed token is another bot's, which need not keep a distance to the first; the mock gateway knows one bot only.
  const excused = /identify of bucket 0 within 5 s/;
  await withDashboard({ excused }, async (page, { context, requested, said }) => {
    await tab(page, "connection").click();
    await page.getByTestId("token").fill(TOKEN);
    const earlier = await text(page, "session-id");
    await page.getByTestId("connect").click();
    const isNew = (session) => session !== earlier && /\w/.test(session);
    await eventually("a new session", () => text(page, "session-id"), isNew);
    await shows(page, "status", /^ready$/i);
    const traces = await page.evaluate(async () => ({
      markup: document.documentElement.outerHTML,
      values: [...document.querySelectorAll("input, textarea, select")].map((field) => field.value),
      address: location.href,
      history: history.state,
      name: window.name,
      local: { ...localStorage },
      session: { ...sessionStorage },
      databases: await indexedDB.databases(),
      caches: await caches.keys(),
    }));
    const found = JSON.stringify([traces, requested, said, await context.storageState()]);
    assert.ok(found.includes("data-testid"), "the search must look at the page");
    assert.ok(!found.includes(TOKEN), `the token was found beside: ${around(found, TOKEN)}`);
    assert.deepEqual(traces.databases, []);
  });
});

test("recorded payloads are shown and copied with every value unchanged", LIMITS, async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardwire-e2e-"));
  try {
    const gateway = { replay: await writeRecording(folder), rate: 0 };
    await withDashboard({ gateway }, async (page, { context }) => {
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await eventually("all events", () => number(page, "events-total"), (total) => total === AWKWARD.length + 1);
      const show = async (name) => {
        await page.getByTestId("event-filter").fill(name);
        await page.getByTestId("event-row").filter({ visible: true, hasText: name }).click();
        await eventually("its detail", () => page.getByTestId("detail").textContent(), (shown) => shown.includes(name));
      };
      for (const [at, data] of AWKWARD.entries()) {
        await show(`AWKWARD_${at}`);
        await page.getByRole("button", { name: "Copy JSON" }).click();
        await eventually("the copy", () => page.evaluate(() => navigator.clipboard.readText()), (copied) => copied === data);
      }
      await show("AWKWARD_0");
      await eventually("every digit", () => page.getByTestId("detail").textContent(), (shown) => shown.includes("1099511627776123456"));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("the package runs in a page as well as in a worker", LIMITS, async () => {
  // To the mock, the two shards are one bot, whose identifies come too soon after each other.
  await withDashboard({ excused: /within 5 s/ }, async (page, { gateway }) => {
    const names = await page.evaluate(async (url) => {
      const { Shard } = await import("./vendor/shardwire/entry/browser.js");
      const shard = new Shard({ token: "of-another-bot", intents: ["GUILDS"], url });
      const names = [];
      for await (const event of shard) {
        if (event.type === "dispatch") names.push(event.name);
        if (names.length === 3) break;
      }
      await shard.close();
      return names;
    }, gateway.url);
    assert.deepEqual(names, ["READY", "GUILD_CREATE", "GUILD_CREATE"]);
  });
});

test("a wrong gateway address is explained", LIMITS, async () => {
  await withDashboard({}, async (page) => {
    await tab(page, "connection").click();
    await page.getByTestId("gateway-address").fill("https://gateway.example");
    await page.getByTestId("connect").click();
    await page.getByTestId("error").or(page.locator("#address-note:not(:empty)")).first().waitFor();
  });
});

for (const scheme of ["light", "dark"]) {
  test(`axe finds nothing to criticise, ${scheme}`, LIMITS, async () => {
    await withDashboard({ scheme, script: AXE }, async (page) => {
      await page.getByTestId("event-row").first().waitFor();
      for (const view of VIEWS) {
        await tab(page, view).click();
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n  ")}`);
        assert.deepEqual(found, [], `in the view ${view}`);
      }
    });
  });

  for (const width of [320, 360, 1280, 2560]) {
    test(`everything fits at ${width} px, ${scheme}`, LIMITS, async () => {
      const height = width < 600 ? 780 : Math.round((width * 9) / 16);
      await withDashboard({ scheme, width, height }, async (page) => {
        await eventually("some events", () => number(page, "events-total"), (total) => total > 60);
        await shows(page, "latency", /\d/);
        await screenshot(page, `${width}-${scheme}`);
        const [needed, given] = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.clientWidth,
        ]);
        assert.ok(needed <= given, `the page is ${needed} px wide`);
      });
    });
  }
}

test("one command shows the dashboard, and Ctrl-C ends all of it", DEMO_LIMITS, async () => {
  const demo = await startXtask(["demo", "--no-open", "--port", "0", "--gateway-port", "0"], 500_000);
  const { page, context, checkManners } = await open(browser, demo.url);
  await shows(page, "status", /^ready$/i);
  await flows(page);
  checkManners();
  const { mock } = await (await fetch(`${demo.url}/config.json`)).json();
  assert.equal((await fetch(`${mock}/mock/state`)).status, 200);
  await context.close();
  assert.equal(await demo.interrupt(), 0);
  await assert.rejects(fetch(`${mock}/mock/state`), "the mock gateway still runs");
  await assert.rejects(fetch(demo.url), "the dashboard is still served");
});

/** The place where a text was found, with some of what is around it. */
function around(whole, part) {
  const at = whole.indexOf(part);
  return whole.slice(Math.max(0, at - 80), at + part.length + 20);
}
