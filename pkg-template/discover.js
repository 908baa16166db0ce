// Asks Discord's HTTP interface where the Gateway is and how a bot may use it. Knows nothing of connections.

import { ShardwireError } from "./error.js";
import { version } from "./version.js";

const BASE = "https://discord.com/api/v10";
const USER_AGENT = `DiscordBot (https://github.com/shardwire/shardwire, ${version})`;
/** Discord answers within a second; a name that does not resolve or a dead proxy would take minutes. */
const PATIENCE_MS = 15_000;
/** An answer has some 200 bytes; pages that proxies put in its place have more, and nobody reads them. */
const MOST_CHARACTERS = 65_536;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export { ShardwireError };

/** Described in `discover.d.ts`. */
export async function discoverGateway({ token, fetch = globalThis.fetch, url = BASE, signal } = {}) {
  const address = new URL(`${toBase(url)}/gateway${token === undefined ? "" : "/bot"}`);
  const headers = { accept: "application/json" };
  if (token !== undefined) headers.authorization = toAuthorization(token);
  // Browsers keep their own, and would ask Discord beforehand whether another is welcome.
  if (!globalThis.navigator?.userAgent?.startsWith("Mozilla/")) headers["user-agent"] = USER_AGENT;
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  const signals = signal ? AbortSignal.any([signal, deadline]) : deadline;
  try {
    // Redirected, the token would go to whoever the answer names. Not "error", which workerd does not have.
    const response = await fetch(address, { headers, redirect: "manual", signal: signals });
    // Pages are told no more about it, and have no status.
    if (response.type === "opaqueredirect") throw new ShardwireError("bad-answer", "expected an answer, got a redirection");
    const body = await readBody(response);
    if (response.status !== 200) throw refusal(response, body);
    return toGateway(body, token !== undefined);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof ShardwireError) throw error;
    throw new ShardwireError("unreachable", "expected an answer of Discord's HTTP interface", { cause: error });
  }
}

function toBase(url) {
  if (!URL.canParse(url)) throw new ShardwireError("bad-url", "expected an address such as https://discord.com/api/v10");
  const { protocol, hostname, href } = new URL(url);
  if (protocol !== "https:" && !(protocol === "http:" && LOOPBACK.test(hostname))) {
    throw new ShardwireError("insecure-url", "expected https:, or a host that is this machine");
  }
  return href.replace(/\/+$/, "");
}

/** Checked here, as a fetch that refuses a header says what was in it. */
function toAuthorization(token) {
  const bare = typeof token === "string" ? token.replace(/^Bot /, "") : "";
  if (!/^[\x21-\x7e]+$/.test(bare)) throw new ShardwireError("bad-token", "expected a bot token as text");
  return `Bot ${bare}`;
}

/** The body as JSON; `undefined` if it is none, or too large. */
async function readBody({ body }) {
  let text = "";
  const decoder = new TextDecoder();
  const reader = body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > MOST_CHARACTERS) {
      await reader.cancel();
      return undefined;
    }
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a status other than 200 means. */
function refusal({ status, headers }, body) {
  if (status === 401) return new ShardwireError("unauthorized", "expected a token that Discord knows", { status });
  if (status === 403) return new ShardwireError("forbidden", "expected a token and an address that are not blocked", { status });
  if (status === 429) {
    const seconds = [body?.retry_after, Number(headers.get("retry-after") ?? NaN)].find(isAmount);
    const details = seconds === undefined ? { status } : { status, retryAfterMs: Math.ceil(seconds * 1000) };
    return new ShardwireError("rate-limited", "expected fewer requests", details);
  }
  if (status >= 500) return new ShardwireError("unavailable", `expected an answer, got status ${status}`, { status });
  return new ShardwireError("bad-answer", `expected status 200, got ${status}`, { status });
}

function toGateway(body, isForBot) {
  const url = body?.url;
  if (typeof url !== "string" || !URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) throw badBody("url");
  if (!isForBot) return { url };
  if (!isCount(body.shards) || body.shards === 0) throw badBody("shards");
  const limit = body.session_start_limit;
  for (const name of ["total", "remaining", "reset_after", "max_concurrency"]) {
    if (!isCount(limit?.[name])) throw badBody(`session_start_limit.${name}`);
  }
  return {
    url,
    shards: body.shards,
    sessionStartLimit: {
      total: limit.total,
      remaining: limit.remaining,
      resetAfterMs: limit.reset_after,
      maxConcurrency: limit.max_concurrency,
    },
  };
}

function badBody(field) {
  return new ShardwireError("bad-answer", `expected ${field} in Discord's answer`);
}

function isAmount(value) {
  return Number.isFinite(value) && value >= 0;
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
