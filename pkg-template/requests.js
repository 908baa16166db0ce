// Questions whose answers are collected: asked of a shard, answered by promises. Knows the shape of each answer and nothing of
// when it is asked, or asked again: that is the core's.

import { ShardwireError } from "./error.js";
import { rawOf } from "./index.js";
import { layOutCommand } from "./options.js";
import { isHigh, promised } from "./sending.js";

export { ShardwireError };

const VOICE_STATE_UPDATE = 4;
const REQUEST_GUILD_MEMBERS = 8;
const REQUEST_SOUNDBOARD_SOUNDS = 31;
const REQUEST_CHANNEL_INFO = 43;

/** Described in `requests.d.ts`, as all that follow. */
export async function fetchMembers(shard, request, options) {
  const parts = await collect(shard, REQUEST_GUILD_MEMBERS, request, options);
  const all = (field) => parts.flatMap(({ data }) => data[field] ?? []);
  // Ids that are no snowflakes come back as numbers.
  return { members: all("members"), presences: all("presences"), notFound: all("not_found").map(String) };
}

export async function fetchSoundboardSounds(shard, guildIds, options) {
  const parts = await collect(shard, REQUEST_SOUNDBOARD_SOUNDS, { guildIds }, options);
  return new Map(parts.map(({ data }) => [data.guild_id, data.soundboard_sounds]));
}

export async function fetchChannelInfo(shard, request, options) {
  const [{ data }] = await collect(shard, REQUEST_CHANNEL_INFO, request, options);
  return data.channels;
}

export async function joinVoice(shard, state, options) {
  if (state?.channelId == null) throw new ShardwireError("bad-command", "expected a channelId; leaveVoice leaves");
  const parts = await collect(shard, VOICE_STATE_UPDATE, state, options);
  const of = (name) => parts.findLast((part) => part.name === name)?.data;
  return { state: of("VOICE_STATE_UPDATE"), server: of("VOICE_SERVER_UPDATE") };
}

export async function leaveVoice(shard, guildId, options) {
  const [{ data }] = await collect(shard, VOICE_STATE_UPDATE, { guildId, channelId: null }, options);
  return data;
}

/** All parts of an answer, as `{ name, data }`. */
function collect(shard, opcode, request, options = {}) {
  const { priority, timeoutMs = 30_000, deadlineMs = 600_000, signal, onProgress } = options;
  if (![timeoutMs, deadlineMs].every((span) => typeof span === "number" && span > 0)) {
    throw new ShardwireError("bad-command", "expected timeoutMs and deadlineMs as milliseconds above zero");
  }
  const raw = rawOf(shard);
  const first = isHigh(priority);
  const question = layOutCommand(opcode, request);
  let parts = [];
  return promised(raw, signal, (settle) => {
    const number = raw.request(opcode, question, first, timeoutMs, deadlineMs, (name, text, received, expected) => {
      // Asked anew: what came is void.
      if (name === null) parts = [];
      else if (name === undefined) settle(text, parts);
      else attempt(() => takePart(name, text, received, expected));
    });
    /** What is no JSON, or a callback that throws, is whoever awaits the answer told. */
    const attempt = (act) => {
      try {
        act();
      } catch (error) {
        raw.takeBack(number);
        settle(error);
      }
    };
    const takePart = (name, text, received, expected) => {
      // Of a pair the second has integers that a number cannot hold as texts.
      parts.push({ name, data: JSON.parse(Array.isArray(text) ? text[1] : text) });
      onProgress?.({ received, expected });
    };
    return number;
  });
}
