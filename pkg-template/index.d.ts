/**
 * shardwire: one Discord Gateway client for every runtime.
 *
 * Hand-written; this file is the contract. Times are milliseconds, sizes are bytes, ids are decimal strings.
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

import type { Signal } from "./host.js";

/** Names of the Gateway intents, as in Discord's documentation. */
export type IntentName =
  | "GUILDS"
  | "GUILD_MEMBERS"
  | "GUILD_MODERATION"
  | "GUILD_EXPRESSIONS"
  | "GUILD_INTEGRATIONS"
  | "GUILD_WEBHOOKS"
  | "GUILD_INVITES"
  | "GUILD_VOICE_STATES"
  | "GUILD_PRESENCES"
  | "GUILD_MESSAGES"
  | "GUILD_MESSAGE_REACTIONS"
  | "GUILD_MESSAGE_TYPING"
  | "DIRECT_MESSAGES"
  | "DIRECT_MESSAGE_REACTIONS"
  | "DIRECT_MESSAGE_TYPING"
  | "MESSAGE_CONTENT"
  | "GUILD_SCHEDULED_EVENTS"
  | "AUTO_MODERATION_CONFIGURATION"
  | "AUTO_MODERATION_EXECUTION"
  | "GUILD_MESSAGE_POLLS"
  | "DIRECT_MESSAGE_POLLS";

/** `[shard id, number of shards]`. */
export type ShardId = readonly [id: number, total: number];

/** Everything that is needed to take a session up again, here or in another process or runtime. Plain JSON. */
export interface Session {
  /** The session id from READY. */
  id: string;
  /** The last sequence number that was handed over. */
  sequence: number;
  /** Where Discord wants the session resumed; `null` if it did not say. */
  resumeUrl: string | null;
  /** The shard that the session belongs to. */
  shard: ShardId;
  /** The bot's own id; `null` if READY did not tell it. */
  userId?: string | null;
}

/** What a shard is doing. */
export type StatusName =
  | "idle"
  | "connecting"
  | "awaiting-hello"
  | "awaiting-identify"
  | "identifying"
  | "resuming"
  | "ready"
  | "disconnected"
  | "closing"
  | "stopped";

export interface Activity {
  name: string;
  /** 0 playing, 1 streaming, 2 listening, 3 watching, 4 custom (text in `state`), 5 competing. */
  type: 0 | 1 | 2 | 3 | 4 | 5;
  /** Twitch or YouTube address, for streaming. */
  url?: string;
  state?: string;
}

export interface Presence {
  status: "online" | "idle" | "dnd" | "invisible";
  activities?: Activity[];
  /** When the client went idle, in milliseconds since 1970. With the status `idle` it is now, unless given. */
  since?: number | null;
  /** `true` with the status `idle` and no `since`, unless given; else `false`. */
  afk?: boolean;
}

export interface VoiceState {
  guildId: string;
  /** `null` leaves the channel. */
  channelId: string | null;
  selfMute?: boolean;
  selfDeaf?: boolean;
}

/** Which members to ask for: one of `query` and `userIds`. */
export type MembersRequest = {
  guildId: string;
  /** Needs the GUILD_PRESENCES intent. */
  presences?: boolean;
  /** Comes back in every chunk; at most 32 bytes. */
  nonce?: string;
} & (
  | {
      /** Prefix of the user name; `""` with `limit: 0` means all members and needs the GUILD_MEMBERS intent. */
      query: string;
      /** 0 to 100. */
      limit: number;
      userIds?: never;
    }
  | {
      /** At most 100. */
      userIds: string[];
      query?: never;
      limit?: never;
    }
);

/** A field of the answer to `requestChannelInfo`: the status text of a voice channel, and since when somebody is in it. */
export type ChannelField = "status" | "voice_start_time";

/** Who goes first when the send limit lets one command through: `high` before all `normal` ones. */
export type Priority = "high" | "normal";

/** How a command waits for its turn. */
export interface SendOptions {
  /** Default `"normal"`. */
  priority?: Priority;
  /**
   * How long it may wait: as long as it takes, also across reconnects (`"whenever"`, the default); not at all (`"now"`: it
   * is rejected with `not-now` if it cannot leave at once); or so many milliseconds (then it is rejected with `expired`).
   */
  when?: "now" | "whenever" | { withinMs: number };
  /** Takes it back if it was not sent yet: it is rejected with `cancelled`. */
  signal?: Signal;
}

/** Numbers that bound what a shard keeps. Each has a default. */
export interface Limits {
  /** Commands that may wait for their turn (100). */
  waitingCommands: number;
  /** Size of an encoded command (4096, Discord's limit). */
  commandBytes: number;
  /**
   * Size of one message from the socket, before inflating (16 MiB). Hosts have limits of their own, which count if they are
   * lower: 32 MiB in Workers, 64 MiB in Deno, 128 MiB in Node.js and Bun.
   */
  messageBytes: number;
  /** Size of one inflated message (64 MiB). */
  inflatedBytes: number;
  /** Requests of `shardwire/requests` that may be open at the same time (100). */
  openRequests: number;
  /** Size of one collected answer (256 MiB). */
  answerBytes: number;
  /** Events that may wait for the reader (10 000); see {@link ShardOptions.overflow}. */
  waitingEvents: number;
  /** Size of the data of all events that wait for the reader (64 MiB); see {@link ShardOptions.overflow}. */
  waitingBytes: number;
}

/** How long a shard waits for what, in milliseconds. */
export interface Patience {
  /** Socket open (15 000). */
  connect: number;
  /** HELLO after the socket opened (20 000). */
  hello: number;
  /** READY after identify (30 000). */
  ready: number;
  /** RESUMED, or the next replayed event, after resume (30 000). */
  resumed: number;
  /** The other side's close frame (3 000). */
  close: number;
  /** The first pause between two connections; it doubles with each failure in a row, with jitter (1 000). */
  backoffFirst: number;
  /** The longest pause between two connections (60 000). */
  backoffLongest: number;
  /** Failures in a row on the resume host, a number, after which the resume is tried on the base address (3). */
  resumeHostFailures: number;
  /** Resumes in a row that came to nothing, a number, after which the session is given up (5). */
  resumeFailures: number;
}

/** What identify says about the client. */
export interface IdentifyProperties {
  os: string;
  browser: string;
  device: string;
}

/** A connection that is about to be made. */
export interface ConnectPlan {
  /**
   * Where it goes, without its query; may be changed. An address that is less safe than the base address, or is none, is not
   * used and told by the notice `bad-hook`.
   */
  url: string;
  /** What identify says about the client, from now on; may be changed. */
  properties: IdentifyProperties;
  /** Whether a session will be resumed; else a new one is asked for. */
  readonly isResume: boolean;
  /** How many connections have failed in a row. */
  readonly attempt: number;
  readonly shard: ShardId;
}

/** Spaces the identifies of a bot. All its shards must ask one queue, wherever they run. */
export interface IdentifyQueue {
  /**
   * Resolves when `shard` may identify, which it does at once. Its place is given up when `signal` is aborted, as the connection
   * has ended. If it rejects, the shard tells it by a notice `queue-unavailable` and asks again after the error's
   * `retryAfterMs`, or else 5 s.
   */
  turn(shard: ShardId, signal: Signal): Promise<unknown>;
  /** `shard` has identified, or does so within so many milliseconds (0): for queues that count from then. */
  identified?(shard: ShardId, options?: { withinMs?: number }): unknown;
}

/** Where the identify ledger of a bot is kept between processes, as a text. */
export interface IdentifyStore {
  /** What `save` was given last; `null` or `undefined` if nothing. Called once, before the first connection. */
  load(): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps a text of some hundred characters. Called after each identify, never again before the last call is done. */
  save(text: string): void | Promise<void>;
}

/** The parts of the standard WebSocket constructor that shardwire uses; the class of the `ws` package fits too. */
export type WebSocketConstructor = new (url: string) => unknown;

/** What an event's `raw` is: the text that Discord sent, or its UTF-8 bytes. */
export type RawForm = "text" | "bytes";

export interface ShardOptions<Form extends RawForm = "text"> {
  /** Bot token, with or without the `Bot ` prefix. It is sent to the Gateway and shown nowhere. */
  token: string;
  /** Bit set, or names. `0` and `[]` are legal. */
  intents: number | readonly IntentName[];
  /** Base address; default `wss://gateway.discord.gg`. `v`, `encoding` and `compress` are added. */
  url?: string;
  /** Allows `ws:` to a host that is not loopback. The token then travels in the clear. */
  allowInsecure?: boolean;
  /** Default: `[0, 1]`, not sent. */
  shard?: ShardId;
  /** A session to resume instead of identifying; `null` is none. */
  session?: Session | null;
  /**
   * How messages are written, in both directions; default `"json"`. `data` and `raw` are JSON with both; with `"etf"`, integers
   * beyond 32 bits are strings, as ETF does not tell numbers and ids apart.
   *
   * - `"json"`: the best in JavaScript, whose engines parse it faster than anything else
   * - `"etf"`: Erlang's form, Discord's own; to compare, or where a gateway speaks nothing else. Loads the second module, which
   *   browsers and Workers have by `import "shardwire/codecs"`; commands are refused with `codec-not-loaded` until it is there,
   *   which the first event tells. Not with `"payload"`
   */
  encoding?: "json" | "etf";
  /**
   * How the server makes messages smaller; default `"zlib-stream"`.
   *
   * - `"zlib-stream"`: about a fifth of the bytes, right for most
   * - `"zstd-stream"`: as small, and about twice as fast to read: for busy shards. Loads the second module, which
   *   browsers and Workers have by `import "shardwire/codecs"`
   * - `"payload"`: large messages only, each by itself: fewer bytes than with none, no memory between messages
   * - `"none"`: to watch the wire, or where the gateway is on this machine
   */
  compression?: "none" | "payload" | "zlib-stream" | "zstd-stream";
  /** Which dispatches leave the core; decided on the name, before anything is copied. Default: all. */
  filter?: { only: readonly string[] } | { except: readonly string[] };
  /**
   * What happens when more events wait for the reader than `limits` allow; default `"pause"`.
   *
   * - `"pause"`: the connection is closed with the session kept. Once the reader has caught up, the session is resumed, which
   *   brings what was missed: nothing is lost as long as the reader catches up while Discord keeps the session
   * - `"drop-oldest"`: those that wait longest are dropped, and a notice `events-dropped` stands in their place: for
   *   dashboards and the like, which want the newest
   * - `"fail"`: the shard stops with the reason `reader-too-slow` and its session kept
   */
  overflow?: "pause" | "drop-oldest" | "fail";
  /**
   * What an event's `raw` is; default `"text"`. With `"bytes"` nothing is decoded until `data` is read: for programs that hand
   * events on to a queue, a file or a worker.
   */
  raw?: Form;
  /**
   * Presence to identify with, or a function that gives it at each identify. A presence that was sent meanwhile goes before
   * it.
   */
  presence?: Presence | ((shard: ShardId) => Presence);
  /** Capability flags of identify (Discord's "Gateway capabilities"); none unless set. */
  capabilities?: number;
  /** The Gateway version: 9, or 10 unless set. */
  version?: 9 | 10;
  /** Resumes at the base address too, whatever READY names: for a proxy that stands before Discord's Gateway. */
  keepUrl?: boolean;
  /**
   * Called before each connection; may change its `url` and `properties`.
   *
   * For this and the other hooks (`presence` and `tap`): they must return at once, may send commands, and cannot ask the shard
   * for `info()` or its `session`, which throws with the code `bad-options`. One that throws is told by a notice `bad-hook`
   * with the `error`, and the shard goes on as without it.
   */
  beforeConnect?: (plan: ConnectPlan) => void;
  /**
   * Called with the text of each message before it is processed, after inflating. `"drop"`: it is not processed and does not
   * come again. `"stop"`: the shard stops with the session kept, and a resume brings the message again.
   */
  tap?: (text: string) => "pass" | "drop" | "stop" | void;
  /**
   * Whether each step of the shard is told by an event `debug`. With `"payloads"` the texts of messages are told too, but never
   * those of identify and resume, which hold the token. They hold what users write: mind where you log them.
   */
  debug?: boolean | "payloads";
  /**
   * Where identifies are counted beyond this process: so that a program that is started again and again does not burn the
   * bot's budget of a day, at the end of which Discord resets the token. All shards of a bot in one realm share one ledger;
   * the store of the one that identifies keeps it, or else the store that was given last. What a store throws is told by a
   * notice `bad-hook`.
   */
  identifyStore?: IdentifyStore;
  /**
   * Whom the shard asks before it identifies, in place of the ledger that all shards of a bot in one realm share: for bots in
   * several processes, workers or objects. `shardwire/fleet` has some; an own one needs a single method.
   */
  identifyQueue?: IdentifyQueue;
  /** Members above which a guild counts as large: 50 to 250. */
  largeThreshold?: number;
  /** What identify says about the client. */
  properties?: Partial<IdentifyProperties>;
  limits?: Partial<Limits>;
  patience?: Partial<Patience>;
  /**
   * Whether a page or worker takes the shard along (default `true`): it leaves off, keeping the session, while the host is
   * offline, or the page is frozen or in the back/forward cache, and connects at once when that is over. Elsewhere it means
   * nothing.
   */
  lifecycle?: boolean;
  /** Used instead of the global `WebSocket`; needed where there is none, as in Node 20. */
  WebSocket?: WebSocketConstructor;
}

/**
 * Data of Discord's events, by name. Empty, and `data` is `any`, until it is filled by declaration merging: importing
 * `shardwire/discord` does it from the package `discord-api-types`.
 */
export interface GatewayEventMap {}

/** An event from Discord. Its name tells the type of its data, if {@link GatewayEventMap} is filled. */
export type DispatchEvent<Form extends RawForm = "text"> = [keyof GatewayEventMap] extends [never]
  ? Dispatch<string, any, Form>
  :
      | { [Name in keyof GatewayEventMap]: Dispatch<Name, GatewayEventMap[Name], Form> }[keyof GatewayEventMap]
      | UnlistedDispatch<Form>;

/** An event with this name and data. */
export interface Dispatch<Name, Data, Form extends RawForm = "text"> extends FromShard {
  readonly type: "dispatch";
  /** Discord's event name, such as `MESSAGE_CREATE`. Unknown names are delivered too. */
  readonly name: Name;
  readonly sequence: number;
  /**
   * The event's data, parsed when it is first read. Integers beyond 2^53, which a JavaScript number cannot hold, are
   * given as strings.
   */
  readonly data: Data;
  /** The data as the JSON text that Discord sent, or with the option `raw: "bytes"` the bytes of that text. */
  readonly raw: { text: string; bytes: Uint8Array }[Form];
}

/** What all events have. */
export interface FromShard {
  /** The number of the shard that the event comes from. */
  readonly shardId: number;
}

/** An event that {@link GatewayEventMap} does not list, such as one that Discord has only just introduced. */
export type UnlistedDispatch<Form extends RawForm = "text"> = Dispatch<UnlistedName, any, Form>;

/**
 * A text that is none of the listed names. An enumeration, as the compiler knows of no other text that it differs from those;
 * it exists for the compiler only. To use an event before `discord-api-types` lists it, add it to {@link GatewayEventMap}.
 */
export type UnlistedName = Unlisted.Name;

declare enum Unlisted {
  Name = "",
}

// Keeps what is not marked as exported inside.
export {};

/** The shard's status changed. */
export interface StatusEvent extends FromShard {
  readonly type: "status";
  readonly status: StatusName;
  readonly previous: StatusName;
  /** With `disconnected`: how many connections have failed in a row. */
  readonly attempt?: number;
  /** With `disconnected`: milliseconds until the next connection. */
  readonly retryInMs?: number;
}

/** A heartbeat was acknowledged. */
export interface HeartbeatEvent extends FromShard {
  readonly type: "heartbeat";
  readonly roundTripMs: number;
}

/** Why a connection ended. */
export interface Fault {
  /**
   * - `bad-compression`: the compressed stream is broken, or messages are not of the kind that was asked for
   * - `bad-envelope`: a message by itself could not be read, or is not a Gateway envelope; a new connection may bring it right
   * - `bad-payload`: HELLO or READY lack what they must have
   * - `closed`: the server closed, or the connection was lost (1006); see `closeCode`
   * - `invalid-session`: op 9
   * - `no-answer`: a deadline passed
   * - `oversized`: a message is larger than a limit
   * - `reconnect-requested`: the gateway asked for it (op 7)
   * - `reconnect-wanted`: `shard.reconnect()`
   * - `suspended`: the computer slept
   * - `tapped`: the tap stopped the shard
   * - `transport`: the socket could not be opened, or failed in another way than by being lost
   * - `unexpected-message`: something else than HELLO came first
   * - `zombie`: heartbeats were not acknowledged
   */
  readonly code:
    | "bad-compression"
    | "bad-envelope"
    | "bad-payload"
    | "closed"
    | "invalid-session"
    | "no-answer"
    | "oversized"
    | "reconnect-requested"
    | "reconnect-wanted"
    | "suspended"
    | "tapped"
    | "transport"
    | "unexpected-message"
    | "zombie";
  /** One sentence in plain words. */
  readonly message: string;
  readonly closeCode?: number;
  readonly closeReason?: string;
}

/** A connection ended by something else than `close()`. */
export interface DisconnectedEvent extends FromShard {
  readonly type: "disconnected";
  readonly fault: Fault;
  /** What the shard does next. */
  readonly next: "resume" | "identify" | "stop";
  /** Where it does it: Discord's resume host, or the base address. Absent with `stop`. */
  readonly host?: "resume" | "base";
  /** Milliseconds until the next connection. Absent with `stop`. */
  readonly retryInMs?: number;
}

/** The replay after a resume is over. */
export interface ResumedEvent extends FromShard {
  readonly type: "resumed";
  /** How many missed dispatches the Gateway sent again. */
  readonly replayed: number;
}

/** Something odd that does not harm the connection. */
export interface NoticeEvent extends FromShard {
  readonly type: "notice";
  /**
   * - `bad-hook`: a hook failed, or gave what may not be used; what stood there before serves instead
   * - `bad-resume-url`: READY named a resume address that is not safe to use; the base address serves instead
   * - `events-dropped`: the reader is too slow, and the option `overflow` is `"drop-oldest"`; or it is a tab that was away
   * - `identify-held-back`: the shard identified so often of late that it must wait before it does so again
   * - `oversized-message`: a message was too large on two connections; the session is resumed behind it
   * - `queue-unavailable`: the identify queue cannot be asked; it is asked again
   * - `sequence-gap`: sequence numbers are missing
   * - `shard-count`: of a fleet: Discord recommends another number of shards
   * - `slow-send`: a command waited more than ten seconds before it was sent
   * - `unknown-opcode`: a message with an opcode that nobody knows was ignored
   * - `unreadable-message`: a message could not be read, on a new connection too, and was passed over; or, for listeners, the
   *   data of an event that somebody listens to is no JSON
   */
  readonly code:
    | "bad-hook"
    | "bad-resume-url"
    | "events-dropped"
    | "identify-held-back"
    | "oversized-message"
    | "queue-unavailable"
    | "sequence-gap"
    | "shard-count"
    | "slow-send"
    | "unknown-opcode"
    | "unreadable-message";
  readonly message: string;
  /** With `bad-hook`: what the hook threw, or why what it gave is refused; with `unreadable-message`: what the parser says. */
  readonly error?: unknown;
  /** With `events-dropped`: how many events stood here. */
  readonly dropped?: number;
}

/** A step of the shard in words, or with `debug: "payloads"` a message. For people: the texts may change with any version. */
export interface DebugEvent extends FromShard {
  readonly type: "debug";
  readonly message: string;
}

/** The last event; loops end after it. */
export interface StoppedEvent extends FromShard {
  readonly type: "stopped";
  readonly reason: StopReason;
}

export interface StopReason {
  /**
   * - `fatal`: the Gateway closed with a code that forbids reconnecting; see `closeCode`
   * - `identify-budget-spent`: no identify is left before `retryInMs` is over
   * - `reader-too-slow`: more events waited than `limits` allow, and the option `overflow` is `"fail"`
   * - `requested`: `close()` was called
   * - `worker-lost`: of a fleet in workers: its worker has ended or failed
   */
  readonly code: "fatal" | "identify-budget-spent" | "reader-too-slow" | "requested" | "worker-lost";
  readonly message: string;
  readonly closeCode?: number;
  readonly retryInMs?: number;
}

export type GatewayEvent<Form extends RawForm = "text"> = DispatchEvent<Form> | OwnEvent;

/** Events of the shard itself. */
export type OwnEvent =
  | StatusEvent
  | HeartbeatEvent
  | DisconnectedEvent
  | ResumedEvent
  | NoticeEvent
  | DebugEvent
  | StoppedEvent;

/** Events of the shard itself, by their type. */
export type OwnEventMap = { [Own in OwnEvent as Own["type"]]: Own };

/** Names that are known, for editors to offer. Every other text may be the name of an event too. */
export type EventName = keyof OwnEventMap | (keyof GatewayEventMap & string) | (string & {});

/** What a listener is called with first, by the name that it listens to: data of Discord's event, or one of the shard's own. */
export type ArgumentOf<Name extends string> = Name extends keyof OwnEventMap
  ? OwnEventMap[Name]
  : Name extends keyof GatewayEventMap
    ? GatewayEventMap[Name]
    : any;

/** The whole event, with its sequence number and its text. */
export type EventOf<Name extends string, Form extends RawForm = "text"> = Name extends keyof OwnEventMap
  ? OwnEventMap[Name]
  : Dispatch<Name, ArgumentOf<Name>, Form>;

/** What a listener returns is of no interest, but a promise that is rejected is reported as an exception is. */
export type Listener<Name extends string, Form extends RawForm = "text"> = (
  argument: ArgumentOf<Name>,
  event: EventOf<Name, Form>,
) => unknown;

/** A picture of the shard at one moment. The same shape as the Rust crate's `ShardInfo`. */
export interface ShardInfo {
  status: StatusName;
  shard: ShardId;
  session: Session | null;
  /** The Gateway version. */
  version: number;
  /** The bits of the intents. */
  intents: number;
  /** As the Gateway calls it. */
  encoding: string;
  /** As the Gateway calls it; `none` and `payload` have no name there. */
  compression: string;
  /** Base address with its query. */
  gatewayUrl: string;
  /** Address of the current or last connection. */
  connectedUrl: string | null;
  /** Counts connections; 0 before the first. */
  connectionId: number;
  /** The address of the other end of the socket; always `null` here, as no JavaScript host tells it. */
  peer: string | null;
  /** Milliseconds since the shard was first started. */
  uptimeMs: number;
  heartbeat: {
    /** `null` before HELLO. */
    intervalMs: number | null;
    lastMs: number | null;
    averageMs: number | null;
    /** The newest up to five round trips, newest first. */
    historyMs: number[];
    /** How long ago the newest heartbeat was sent; `null` before the first. */
    sentAgoMs: number | null;
    /** How long ago the newest acknowledgement came; `null` before the first. */
    ackedAgoMs: number | null;
    isAcked: boolean;
    /** Whether heartbeats are being sent. */
    isRunning: boolean;
  };
  commands: {
    /** Commands that users may send per 60 seconds: 120 less the heartbeats' reserve. */
    limit: number;
    /** How many could be sent now. */
    available: number;
    /** Milliseconds until one more is available; 0 if some are. */
    nextInMs: number;
    /** Commands that wait. */
    waiting: number;
    /** Presences that could be sent now, of five in 20 seconds. */
    presences: number;
    /** Milliseconds until one more presence can be sent; 0 if some can. */
    nextPresenceInMs: number;
    /** Requests whose answers are being collected. */
    openRequests: number;
  };
  /** What was counted since the start, or since `resetCounters()`. */
  counters: {
    /** Socket messages received. */
    messages: number;
    /** Bytes received, as they came. */
    wireBytes: number;
    /** Bytes received, after inflating. */
    inflatedBytes: number;
    /** Socket messages sent. */
    sentMessages: number;
    sentBytes: number;
    /** Dispatches delivered. */
    dispatches: number;
    /** Dispatches that the filter held back. */
    filtered: number;
    /** Dispatches dropped because a replay repeated them. */
    duplicates: number;
    /** Dispatches that a resume brought again from the Gateway's buffer. */
    replayed: number;
    /** Sequence numbers that never came. */
    gaps: number;
    /** Messages that the tap dropped. */
    tapped: number;
    /** Sockets opened, or tried to. */
    connects: number;
    /** Those of them that came after another. */
    reconnects: number;
    /** Connections that ended by something else than the user's wish. */
    faults: number;
    identifies: number;
    resumes: number;
    heartbeats: number;
  };
  /** Dispatches received by name, filtered ones included; most frequent first. Names beyond 256 are counted as `OTHER`. */
  events: Record<string, number>;
}

/** Why a call was refused or failed. `code` is stable. */
export declare class ShardwireError extends Error {
  readonly name: "ShardwireError";
  readonly code:
    | "bad-answer"
    | "bad-command"
    | "bad-encoding"
    | "bad-intents"
    | "bad-large-threshold"
    | "bad-options"
    | "bad-session"
    | "bad-shard"
    | "bad-token"
    | "bad-url"
    | "cancelled"
    | "codec-not-compiled-in"
    | "codec-not-loaded"
    | "expired"
    | "forbidden"
    | "insecure-url"
    | "missing-intent"
    | "module-not-loaded"
    | "not-now"
    | "queue-full"
    | "rate-limited"
    | "reserved-opcode"
    | "stopped"
    | "timed-out"
    | "too-large"
    | "unauthorized"
    | "unavailable"
    | "unreachable"
    | "websocket-missing";
  /** Status of Discord's answer, if it was one that refused. */
  readonly status?: number;
  /** With `rate-limited`, if Discord said it, and with `not-now`, if only a send limit holds it back: milliseconds. */
  readonly retryAfterMs?: number;
}

/** What is read by loops and by listeners: a shard, or several as one. */
export interface Readable<Form extends RawForm = "text"> extends AsyncIterable<GatewayEvent<Form>> {
  /** The next events, all that have come since the last call, at least one; an empty array after the end. @throws {ShardwireError} */
  nextBatch(): Promise<GatewayEvent<Form>[]>;
  [Symbol.asyncIterator](): AsyncIterableIterator<GatewayEvent<Form>>;

  /*
   * Listeners. They are called for Discord's events by their name (`"MESSAGE_CREATE"`), for the shard's own by their type
   * (`"status"`, `"stopped"`, …), in the order in which they were added. Whoever listens right after the shard was made misses
   * nothing. A listener that throws, or returns a promise that is rejected, is reported as an uncaught exception of its own;
   * the others still run. A shard with listeners lives until it is closed.
   */

  /** Calls `listener` for each event of this name, until `signal` is aborted. */
  on<Name extends EventName>(name: Name, listener: Listener<Name, Form>, options?: { signal?: Signal }): this;
  /** Calls `listener` for the next event of this name. */
  once<Name extends EventName>(name: Name, listener: Listener<Name, Form>, options?: { signal?: Signal }): this;
  /** Calls `listener` for every event, after those that wait for it by name. */
  onAny(listener: (event: GatewayEvent<Form>) => unknown, options?: { signal?: Signal }): this;
  /** Calls `listener` for this name no more. */
  off<Name extends EventName>(name: Name, listener: Listener<Name, Form>): this;
  /** Calls `listener`, which was given to `onAny`, no more. */
  offAny(listener: (event: GatewayEvent<Form>) => unknown): this;
  /**
   * The argument of the next event of this name that `filter` accepts.
   *
   * ```js
   * const message = await shard.waitFor("MESSAGE_CREATE", { filter: ({ author }) => author.id === id, timeoutMs: 60_000 });
   * ```
   *
   * Rejects with a `ShardwireError` with the code `timed-out` after `timeoutMs` milliseconds (never, unless given),
   * `cancelled` when `signal` is aborted, and `stopped` when the shard ends before; and with what `filter` throws.
   */
  waitFor<Name extends EventName>(
    name: Name,
    options?: {
      filter?: (argument: ArgumentOf<Name>, event: EventOf<Name, Form>) => boolean;
      timeoutMs?: number;
      signal?: Signal;
    },
  ): Promise<ArgumentOf<Name>>;
}

export interface Shard<Form extends RawForm = "text"> extends Readable<Form> {}

/**
 * One connection to the Gateway, kept alive: heartbeats, resumes, reconnects and rate limits are its business.
 *
 * ```js
 * const shard = new Shard({ token, intents: ["GUILDS", "GUILD_MESSAGES"] });
 * for await (const event of shard) {
 *   if (event.type === "dispatch" && event.name === "MESSAGE_CREATE") console.log(event.data.content);
 * }
 * ```
 *
 * Or with listeners, or with both:
 *
 * ```js
 * shard.on("MESSAGE_CREATE", (message) => console.log(message.content));
 * await shard.ready;
 * ```
 *
 * It connects when somebody iterates, listens or awaits `ready` (or by `connect()`), so no event is lost before somebody listens.
 *
 * Every event goes to its listeners, and to the loop if one is open; without a loop, to the listeners alone. Two loops over one
 * shard share its events.
 *
 * A shard that is forgotten (nobody holds it, reads it, listens to it or waits for it) is closed with its session kept once the
 * collector notices. Functions among its options that hold it keep it until it has stopped; so close those, or use `await using`.
 */
export declare class Shard<Form extends RawForm = "text"> implements AsyncDisposable {
  /** @throws {ShardwireError} if an option is not right; nothing is opened before it is asked for. */
  constructor(options: ShardOptions<Form>);

  /** What the shard is doing. */
  readonly status: StatusName;
  /** The session as it stands, for resuming later; `null` if there is none. */
  readonly session: Session | null;

  /**
   * Resolves when the session is ready, or was at any time before: the bot is online. Takes no event away from anybody.
   *
   * Rejects with a `ShardwireError` with the code `stopped` if the shard ends before, and `codec-not-loaded` if the second
   * module cannot be loaded.
   */
  readonly ready: Promise<void>;

  /**
   * Starts connecting. Iterating does it too; a second call does nothing. The second module is loaded before, if the
   * encoding or the compression needs it; if that fails, reading fails with `codec-not-loaded`, and reading again tries again.
   */
  connect(): this;
  /** Everything there is to see. */
  info(): ShardInfo;

  /** Counts from zero again, in `info().counters` and `info().events`. */
  resetCounters(): void;

  /*
   * Commands. They are held back until the session is ready and the send limits allow them, also across reconnects; `options`
   * say how. What is wrong with the arguments is thrown at once, as is `queue-full`. The promise resolves when the command was
   * written to the socket, and rejects with a `ShardwireError` (`cancelled`, `expired`, `not-now`, `queue-full`, `stopped`). It
   * may be ignored: a rejection that nobody handles is not reported.
   *
   * Answers come as events. To await one, see `shardwire/requests`.
   */

  /** Shows another presence. Five may be sent in 20 seconds. @throws {ShardwireError} */
  updatePresence(presence: Presence, options?: SendOptions): Promise<void>;
  /** Joins, moves between or leaves voice channels. @throws {ShardwireError} */
  updateVoiceState(state: VoiceState, options?: SendOptions): Promise<void>;
  /** Answered by `GUILD_MEMBERS_CHUNK` events. @throws {ShardwireError} `missing-intent` if an answer needs one. */
  requestGuildMembers(request: MembersRequest, options?: SendOptions): Promise<void>;
  /** Answered by one `SOUNDBOARD_SOUNDS` for each guild. @throws {ShardwireError} */
  requestSoundboardSounds(guildIds: readonly string[], options?: SendOptions): Promise<void>;
  /** Answered by `CHANNEL_INFO`. @throws {ShardwireError} */
  requestChannelInfo(
    request: { guildId: string; fields: readonly ChannelField[] },
    options?: SendOptions,
  ): Promise<void>;
  /**
   * Sends any opcode that a user may send, with data that has a JSON form.
   *
   * ```js
   * await shard.send(31, { guild_ids: ["1"] }, { when: { withinMs: 5000 } });
   * ```
   * @throws {ShardwireError} `reserved-opcode` for those of the life cycle, `too-large` beyond 4096 bytes.
   */
  send(opcode: number, data: unknown, options?: SendOptions): Promise<void>;
  /** Sends a whole message that was encoded already: a text for JSON. It is checked as the others are. @throws {ShardwireError} */
  sendEncoded(message: string | Uint8Array, options?: SendOptions): Promise<void>;

  /** Closes this connection, keeping the session, and connects anew at once. */
  reconnect(): void;
  /**
   * Ends the shard. With `keepSession` Discord keeps the session for a while (the bot still looks online) and the
   * returned value resumes it; without, the session ends and the result is `null`. Safe to call twice.
   */
  close(options?: { keepSession?: boolean }): Promise<Session | null>;
  /** `close({ keepSession: true })`: leaves off, and gives the session for going on in another process. */
  disconnect(): Promise<Session | null>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Bits of the intents, by name. */
export declare const Intents: Readonly<Record<IntentName, number>> & {
  /** All but the privileged ones. */
  readonly NON_PRIVILEGED: number;
  readonly ALL: number;
};

/** Version of this package. */
export declare const version: string;
