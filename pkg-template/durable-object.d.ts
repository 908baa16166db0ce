/**
 * A shard in a Durable Object of Cloudflare: a class to extend.
 *
 * The host takes objects away without a word: for an update of the code, an error, a machine that goes. The session is in the
 * object's storage, so the next instance resumes it, and an alarm sees to it that there is one. Discord sends again what was
 * missed meanwhile.
 *
 * ```js
 * import { DurableShard } from "shardwire/durable-object";
 *
 * export class Bot extends DurableShard {
 *   static options(env) {
 *     return { token: env.DISCORD_TOKEN, intents: ["GUILDS", "GUILD_MESSAGES"] };
 *   }
 *
 *   async onDispatch(event) {
 *     if (event.name === "MESSAGE_CREATE") await this.ctx.storage.put("latest", event.data.content);
 *   }
 * }
 *
 * export default {
 *   async fetch(request, env) {
 *     const bot = env.BOT.getByName("bot");
 *     await bot.start();
 *     return Response.json(await bot.info());
 *   },
 * };
 * ```
 *
 * It works on every compatibility date; to be called by RPC, as above, it needs 2024-04-03 or later. With an earlier one, write
 * a `fetch` that calls the methods. It works with SQLite and with key-value storage.
 *
 * Every method of an object can be called by RPC, also those that users replace. So what holds the token is a static one.
 * @packageDocumentation
 */

import type {
  ChannelField,
  DispatchEvent,
  GatewayEvent,
  MembersRequest,
  Presence,
  RawForm,
  SendOptions,
  Session,
  Shard,
  ShardId,
  ShardInfo,
  ShardOptions,
  StopReason,
  VoiceState,
} from "./index.js";

export * from "./durable-queue.js";
export { ShardwireError } from "./index.js";

/** The part of an object's state that is used here. */
export interface MinimalState {
  readonly id: { toString(): string; readonly name?: string };
  readonly storage: {
    get<Value = unknown>(key: string): Promise<Value | undefined>;
    put<Value>(key: string, value: Value, options?: { allowUnconfirmed?: boolean }): Promise<void>;
    getAlarm(): Promise<number | null>;
    setAlarm(at: number | Date): Promise<void>;
    deleteAlarm(): Promise<void>;
    sync(): Promise<void>;
  };
  blockConcurrencyWhile<Value>(work: () => Promise<Value>): Promise<Value>;
  abort(reason?: string): void;
}

// @ts-ignore Found only where Cloudflare's types are. Without them every key is one of it.
type Cloudflares = typeof import("cloudflare:workers").DurableObject;
/** Cloudflare's `DurableObjectState`, where its types are. */
export type ObjectState = string extends keyof Cloudflares ? MinimalState : ConstructorParameters<Cloudflares>[0];

/** Numbers of a shard in a Durable Object. Each has a default. */
export interface Durability {
  /**
   * Between two alarms, in milliseconds: 1 000 to 60 000 (45 000). So long the bot is away at most when its object was taken
   * away and nobody calls it. Objects were seen to be taken away 70 seconds after their last alarm.
   */
  alarmMs: number;
  /** An event that was handled counts as such in the storage so many milliseconds later at most, up to 60 000 (5 000)… */
  saveMs: number;
  /**
   * …and after so many events at most (100). With 1, what {@link DurableShard.onEvent} wrote to the object's storage is kept
   * together with the note that it has handled the event, or neither is.
   */
  saveEvents: number;
  /** How long `onEvent` may take for one event, in milliseconds (60 000). It is looked at with each alarm. */
  eventMs: number;
}

/** The options of a `Shard`, less those that the object has itself. */
export type DurableShardOptions<Form extends RawForm = RawForm> = Omit<
  ShardOptions<Form>,
  "session" | "lifecycle" | "WebSocket"
> & {
  durable?: Partial<Durability>;
};

/** Where an object stands. Plain data, as are all its parts. */
export interface DurableShardInfo {
  /** Whether a shard is to run: `start` was called, and it has not been ended since. */
  isWanted: boolean;
  /** The session in the storage, as the next instance would resume it. */
  session: Session | null;
  /** Why the last shard ended, until another is started; `at` is milliseconds since 1970. */
  stopped: (StopReason & { at: number }) | null;
  /** When the shard is started again by itself, in milliseconds since 1970, if the identifies of a day were used up. */
  notBefore: number | null;
  /** The running shard; `null` if there is none. */
  shard: ShardInfo | null;
  /** What `onError` was told since this instance began. */
  failures: {
    count: number;
    /** The newest; `event` is the name or type of the event that was being handled. */
    last: { message: string; event: string | null; at: number } | null;
  };
}

/** How a command that comes from elsewhere waits for its turn. */
export type RemoteSendOptions = Omit<SendOptions, "signal">;

export declare abstract class DurableShard<Env = unknown, Form extends RawForm = "text"> {
  /** By which Cloudflare's types know a Durable Object. */
  readonly __DURABLE_OBJECT_BRAND: never;
  protected ctx: ObjectState;
  protected env: Env;

  constructor(ctx: ObjectState, env: Env);

  /**
   * The options of the shard: to be replaced. Asked whenever a shard is started, also in the constructor of each new instance,
   * so it must be quick; what it throws or rejects with is told to `onError`, or thrown by `start`.
   *
   * A session keeps the intents that it was opened with. If they are others now, a new session is opened.
   *
   * `identifyStore` is the object's storage, unless it or a queue is given. A bot whose shards are in several objects needs an
   * `identifyQueue`, such as {@link durableQueue}.
   */
  static options(env: any, ctx: ObjectState): DurableShardOptions | Promise<DurableShardOptions>;

  /**
   * The shard, while there is one: for `shardwire/requests` and whatever else. It is read by the object; a listener hears of
   * events before they count as handled. It cannot be reached by RPC.
   */
  protected shard: Shard<Form> | null;

  /**
   * Gets every event, one after the other: the next comes when the promise that it returns has settled, and heartbeats go on
   * meanwhile. The one that is here calls `onDispatch` with Discord's events.
   *
   * Each event comes at least once. What was handled is stored every {@link Durability.saveMs}; if the object is taken away,
   * events since then come again, with the same `sequence` in the same session. To have each once:
   *
   * - with `durable: { saveEvents: 1 }`, for what the method writes to the object's own storage: its writes and the note that
   *   the event was handled are one transaction if the method awaits nothing from its first write to its end. (The host joins
   *   writes between which nothing was awaited, and the promises of writes need not be awaited.) What an event did elsewhere,
   *   such as a message that was sent, cannot be part of that;
   * - or by remembering the session's id and `sequence` wherever the work goes, and passing over what is known.
   *
   * What it throws is told to `onError`; the event counts as handled, as it would fail for ever. So it does if it takes longer
   * than {@link Durability.eventMs}. While it is slow, events wait as `limits` and `overflow` of the options say.
   */
  onEvent(event: GatewayEvent<Form>): unknown;
  /** Gets Discord's events, unless `onEvent` is replaced. */
  onDispatch(event: DispatchEvent<Form>): unknown;
  /**
   * Is told what goes wrong: what the other methods throw, `event` being the one that was handled; a storage that fails;
   * options that are not right. Logs it, unless replaced.
   */
  onError(error: unknown, event?: GatewayEvent<Form>): unknown;
  /**
   * Is called at the time of `setAlarm`, at least once. If it throws, it is called again, six times at most, after 2, 4, 8, …
   * seconds.
   */
  onAlarm(info: { retryCount: number; isRetry: boolean }): unknown;
  /*
   * To be called by a Worker, or by the object itself. Refusals are those of `Shard`; over RPC, an error has its `code` from
   * compatibility date 2026-04-21 on, and before that its message alone.
   */

  /**
   * Starts the shard, in this instance and in those that come after it, until `stop` is called or the shard ends by itself, as
   * `info().stopped` tells. Resolves when this is stored; the bot is not online yet. A second call does nothing.
   *
   * `shard` goes before the option of that name, and is kept until another is given; `session` is one from elsewhere to be
   * resumed.
   * @throws {ShardwireError} if the options are not right, or another shard is running (`bad-shard`).
   */
  start(options?: { shard?: ShardId; session?: Session }): Promise<void>;
  /**
   * Ends the shard, and with `keepSession` gives its session, which `start` resumes here, and any other shard elsewhere.
   * Resolves when the connection is closed; what came before is still handed over.
   */
  stop(options?: { keepSession?: boolean }): Promise<Session | null>;
  info(): Promise<DurableShardInfo>;
  reconnect(): Promise<void>;
  /** Resolves when it was sent, as do the other commands. @throws {ShardwireError} `stopped` if there is no shard. */
  updatePresence(presence: Presence, options?: RemoteSendOptions): Promise<void>;
  updateVoiceState(state: VoiceState, options?: RemoteSendOptions): Promise<void>;
  requestGuildMembers(request: MembersRequest, options?: RemoteSendOptions): Promise<void>;
  requestSoundboardSounds(guildIds: readonly string[], options?: RemoteSendOptions): Promise<void>;
  requestChannelInfo(
    request: { guildId: string; fields: readonly ChannelField[] },
    options?: RemoteSendOptions,
  ): Promise<void>;
  send(opcode: number, data: unknown, options?: RemoteSendOptions): Promise<void>;
  sendEncoded(message: string | Uint8Array, options?: RemoteSendOptions): Promise<void>;

  /**
   * An object has one alarm, which the shard needs: these stand in for the methods of `ctx.storage` with the same names, and
   * `onAlarm` for `alarm`. An `alarm` of your own must call `super.alarm()` first, and is called every `alarmMs`.
   */
  setAlarm(at: number | Date): Promise<void>;
  getAlarm(): Promise<number | null>;
  deleteAlarm(): Promise<void>;
  alarm(info?: unknown): Promise<void>;
}
