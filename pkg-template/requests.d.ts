/**
 * Questions to the Gateway whose answers are collected. They may be awaited anywhere, also inside the loop that reads the
 * shard's events.
 *
 * Each waits for a session and for the send limits, is asked again after `RATE_LIMITED` (when the Gateway allows it), in a
 * new session, and if a resume does not bring the rest. The dispatches that make the answer are delivered as events too,
 * if the shard's filter wants them.
 *
 * ```js
 * import { fetchMembers } from "shardwire/requests";
 *
 * for await (const event of shard) {
 *   if (event.name !== "GUILD_CREATE") continue;
 *   const { members } = await fetchMembers(shard, { guildId: event.data.id, query: "", limit: 0 });
 *   console.log(event.data.name, members.length);
 * }
 * ```
 *
 * All of them throw nothing and reject with a {@link ShardwireError} whose `code` is one of:
 * - `bad-command`, `missing-intent`, `too-large`: the request itself is not right; nothing was sent
 * - `queue-full`: as many requests are open as `limits.openRequests` allows
 * - `cancelled`: `signal` was aborted
 * - `rate-limited`: the Gateway refused again and again
 * - `timed-out`: `timeoutMs` or `deadlineMs` passed
 * - `too-large`: the answer is larger than `limits.answerBytes`
 * - `stopped`: the shard ended before
 * @packageDocumentation
 */

import type { Signal } from "./host.js";
import type { ChannelField, GatewayEventMap, MembersRequest, Priority, RawForm, Shard, VoiceState } from "./index.js";

export { ShardwireError } from "./index.js";

/** How long a request may take. */
export interface FetchOptions {
  /** Who goes first while it waits to be sent; default `"normal"`. */
  priority?: Priority;
  /** How long nothing may come once it was sent, in milliseconds (30 000). Time without a session does not count. */
  timeoutMs?: number;
  /** How long all of it may take, waits and reconnects included, in milliseconds (600 000). At most a week. */
  deadlineMs?: number;
  /** Gives it up. */
  signal?: Signal;
  /** Called for each part of the answer: how many came, of how many. It begins anew when the request is asked again. */
  onProgress?: (progress: { received: number; expected: number }) => void;
}

/** The data of the event of this name, if {@link GatewayEventMap} lists it. */
export type DataOf<Name extends string> = Name extends keyof GatewayEventMap ? GatewayEventMap[Name] : any;

/** The type of a field, if the data has it. */
export type FieldOf<Data, Field extends string> = Data extends { [key in Field]?: infer Value } ? NonNullable<Value> : any;

export interface FetchedMembers {
  /** As Discord sends them, of all chunks. */
  members: FieldOf<DataOf<"GUILD_MEMBERS_CHUNK">, "members">;
  /** Empty unless `presences: true` was asked for. */
  presences: FieldOf<DataOf<"GUILD_MEMBERS_CHUNK">, "presences">;
  /** The `userIds` that are no members of the guild. */
  notFound: string[];
}

/**
 * Members of a guild. The nonce is the shard's own, whatever is given. All members of one guild can be had once in 30
 * seconds; a second request waits for it.
 */
export declare function fetchMembers(shard: Shard<RawForm>, request: MembersRequest, options?: FetchOptions): Promise<FetchedMembers>;

/** The soundboard sounds of guilds, by guild id: at least one, and as many as fit into 4096 bytes (about 180). */
export declare function fetchSoundboardSounds(
  shard: Shard<RawForm>,
  guildIds: readonly string[],
  options?: FetchOptions,
): Promise<Map<string, FieldOf<DataOf<"SOUNDBOARD_SOUNDS">, "soundboard_sounds">>>;

/** What is set on the channels of a guild: a list of `{ id, … }` with the fields that were asked for and are set. */
export declare function fetchChannelInfo(
  shard: Shard<RawForm>,
  request: { guildId: string; fields: readonly ChannelField[] },
  options?: FetchOptions,
): Promise<FieldOf<DataOf<"CHANNEL_INFO">, "channels">>;

/** What a voice connection needs. */
export interface JoinedVoice {
  /** Data of the bot's own `VOICE_STATE_UPDATE`, with the voice `session_id`. */
  state: DataOf<"VOICE_STATE_UPDATE">;
  /** Data of `VOICE_SERVER_UPDATE`, with `endpoint` and `token`. */
  server: DataOf<"VOICE_SERVER_UPDATE">;
}

/** Joins a voice channel, or moves to it. Needs the GUILD_VOICE_STATES intent. */
export declare function joinVoice(
  shard: Shard<RawForm>,
  state: VoiceState & { channelId: string },
  options?: FetchOptions,
): Promise<JoinedVoice>;

/** Leaves the voice channel in a guild; gives the data of the bot's own `VOICE_STATE_UPDATE`. Needs the GUILD_VOICE_STATES intent. */
export declare function leaveVoice(shard: Shard<RawForm>, guildId: string, options?: FetchOptions): Promise<DataOf<"VOICE_STATE_UPDATE">>;
