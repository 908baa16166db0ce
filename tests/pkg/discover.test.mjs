// Discovery against the mock gateway's HTTP, and against answers that no gateway of ours gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { withGateway } from "./gateway.mjs";

const TOKEN = "MTA0.fake-token.for-tests-only";
const LIMITS = { timeout: 30_000 };
const ANSWER = {
  url: "wss://gateway.discord.gg",
  shards: 9,
  session_start_limit: { total: 1000, remaining: 999, reset_after: 14_400_000, max_concurrency: 16 },
};

const { discoverGateway, ShardwireError } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/discover.js`);

/** A fetch that answers always the same and remembers what it was asked. */
function answering(body, init = {}) {
  const requests = [];
  const fetch = async (address, options) => {
    requests.push({ address: String(address), ...options });
    return new Response(typeof body === "string" ? body : JSON.stringify(body), init);
  };
  return { fetch, requests };
}

/** What it rejects with. The token must be nowhere in it. */
async function refusal(options) {
  const error = await discoverGateway({ token: TOKEN, ...options }).then(
    (answer) => assert.fail(`it was answered with ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes("fake-token"), "the token is in the error");
  return error;
}

async function refusalCode(options) {
  const error = await refusal(options);
  assert.ok(error instanceof ShardwireError, inspect(error));
  return error.code;
}

test("a bot and anyone are told where the mock gateway is", LIMITS, async () => {
  await withGateway({}, async ({ url }) => {
    const base = `${url.replace("ws:", "http:")}/api/v10`;
    const { sessionStartLimit, ...bot } = await discoverGateway({ token: TOKEN, url: base });
    assert.deepEqual(bot, { url, shards: 1 });
    assert.ok(sessionStartLimit.remaining <= sessionStartLimit.total);
    assert.ok(sessionStartLimit.resetAfterMs >= 0);
    assert.equal(sessionStartLimit.maxConcurrency, 1);
    assert.deepEqual(await discoverGateway({ url: new URL(`${base}/`) }), { url });
  });
});

test("the request says who asks, and follows nobody elsewhere", LIMITS, async () => {
  for (const token of [TOKEN, `Bot ${TOKEN}`]) {
    const { fetch, requests } = answering(ANSWER);
    assert.deepEqual(await discoverGateway({ token, fetch }), {
      url: ANSWER.url,
      shards: 9,
      sessionStartLimit: { total: 1000, remaining: 999, resetAfterMs: 14_400_000, maxConcurrency: 16 },
    });
    const [{ address, headers, redirect }] = requests;
    assert.equal(address, "https://discord.com/api/v10/gateway/bot");
    assert.equal(headers.authorization, `Bot ${TOKEN}`);
    assert.match(headers["user-agent"], /^DiscordBot \(https:\/\/\S+, \d+\.\d+\.\d+\S*\)$/);
    assert.equal(redirect, "manual");
  }
  const { fetch, requests } = answering(ANSWER);
  assert.deepEqual(await discoverGateway({ fetch }), { url: ANSWER.url });
  assert.equal(requests[0].address, "https://discord.com/api/v10/gateway");
  assert.equal(requests[0].headers.authorization, undefined);
});

test("each refusal of Discord's has its code", LIMITS, async () => {
  const codes = { 401: "unauthorized", 403: "forbidden", 404: "bad-answer", 500: "unavailable", 503: "unavailable" };
  for (const [status, code] of Object.entries(codes)) {
    const error = await refusal(answering({ message: "no" }, { status: Number(status) }));
    assert.equal(error.code, code, status);
    assert.equal(error.status, Number(status));
  }
});

test("a rate limit says when to come back", LIMITS, async () => {
  const after = async (body, headers) => {
    const error = await refusal(answering(body, { status: 429, headers }));
    assert.equal(error.code, "rate-limited");
    return error.retryAfterMs;
  };
  assert.equal(await after({ retry_after: 1.5 }, { "retry-after": "2" }), 1500);
  assert.equal(await after("blocked by a proxy", { "retry-after": "2" }), 2000);
  assert.equal(await after({ retry_after: "soon" }, {}), undefined);
});

test("an answer that lacks something is refused", LIMITS, async () => {
  const limit = ANSWER.session_start_limit;
  const bodies = [
    "",
    "<html>a proxy</html>",
    null,
    { ...ANSWER, url: "https://discord.com" },
    { ...ANSWER, url: 5 },
    { ...ANSWER, shards: 0 },
    { ...ANSWER, shards: "9" },
    { ...ANSWER, session_start_limit: undefined },
    { ...ANSWER, session_start_limit: { ...limit, remaining: -1 } },
    { ...ANSWER, session_start_limit: { ...limit, max_concurrency: 1.5 } },
    " ".repeat(70_000) + JSON.stringify(ANSWER),
  ];
  for (const body of bodies) assert.equal(await refusalCode(answering(body)), "bad-answer", JSON.stringify(body));
});

test("a redirection is a bad answer, whether the host tells of it or not", LIMITS, async () => {
  assert.equal(await refusalCode(answering({}, { status: 302 })), "bad-answer");
  const opaque = { type: "opaqueredirect", status: 0, body: null, headers: new Headers() };
  assert.equal(await refusalCode({ fetch: async () => opaque }), "bad-answer");
});

test("nothing is sent if an option is not right", LIMITS, async () => {
  const { fetch, requests } = answering(ANSWER);
  assert.equal(await refusalCode({ fetch, token: "fake-token with blanks" }), "bad-token");
  assert.equal(await refusalCode({ fetch, token: "fake-token\n" }), "bad-token");
  assert.equal(await refusalCode({ fetch, token: null }), "bad-token");
  assert.equal(await refusalCode({ fetch, url: "discord" }), "bad-url");
  assert.equal(await refusalCode({ fetch, url: "http://discord.example/api" }), "insecure-url");
  assert.deepEqual(requests, []);
});

test("no answer is a code, and giving up is the caller's own reason", LIMITS, async () => {
  const failing = async () => {
    throw new TypeError("fetch failed");
  };
  const error = await refusal({ fetch: failing });
  assert.equal(error.code, "unreachable");
  assert.equal(error.cause.message, "fetch failed");

  const controller = new AbortController();
  const reason = new Error("the user left");
  const hanging = (_, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      controller.abort(reason);
    });
  assert.equal(await refusal({ fetch: hanging, signal: controller.signal }), reason);
});
