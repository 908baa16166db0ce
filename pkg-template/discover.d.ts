/**
 * Where the Gateway is, and how a bot may use it. Never required: `Shard` knows Discord's address, and a bot on one shard
 * needs nothing else. It takes no part of the rest of the package, and no WebAssembly.
 * @packageDocumentation
 */

import type { Address, Fetch, Signal } from "./host.js";
import { ShardwireError } from "./index.js";

export { ShardwireError };

export interface DiscoverOptions {
  /** Bot token, with or without the `Bot ` prefix. With it `/gateway/bot` is asked, without it `/gateway`. */
  token?: string;
  /** Used instead of the global `fetch`, for a proxy or for tests. It must honour `signal` and `redirect`. */
  fetch?: Fetch;
  /** Base address; default `https://discord.com/api/v10`. `http:` is for this machine only. */
  url?: string | Address;
  /** Gives up early; the promise is then rejected with the signal's reason. It is given up after 15 s in any case. */
  signal?: Signal;
}

/** The answer to those who show no token. */
export interface Gateway {
  /** For `ShardOptions.url`. */
  url: string;
}

/** The answer to a bot. */
export interface BotGateway extends Gateway {
  /** How many shards Discord recommends. */
  shards: number;
  sessionStartLimit: SessionStartLimit;
}

/** How many identifies a bot has. */
export interface SessionStartLimit {
  /** Per day. */
  total: number;
  /** Left of them. */
  remaining: number;
  /** Milliseconds until there are `total` again. */
  resetAfterMs: number;
  /** Identifies that may be sent within 5 s. */
  maxConcurrency: number;
}

/**
 * Asks Discord. Nothing is tried twice.
 *
 * Browsers cannot call it with a token: Discord does not let pages of other origins send one (CORS).
 *
 * @throws {ShardwireError} with one of these codes:
 * - `unauthorized` (401), `forbidden` (403): the token is not known, or the bot or the address is blocked
 * - `rate-limited` (429): ask again after `retryAfterMs`
 * - `unavailable` (5xx), `unreachable` (no answer): ask again later
 * - `bad-answer`: it is not what Discord documents; a proxy may have answered
 * - `bad-token`, `bad-url`, `insecure-url`: nothing was sent
 */
export declare function discoverGateway(options: DiscoverOptions & { token: string }): Promise<BotGateway>;
export declare function discoverGateway(options?: DiscoverOptions & { token?: undefined }): Promise<Gateway>;
export declare function discoverGateway(options?: DiscoverOptions): Promise<Gateway | BotGateway>;
