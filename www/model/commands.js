// Builds commands from what was typed, and checks them before the client does.
// Must never know the page or the client.

const ID = /^\d{15,20}$/;
const MAX_IDS = 100;
const MAX_NONCE_BYTES = 32;
const encoder = new TextEncoder();

/**
 * A command as the worker sends it: the call, its argument, and what goes over the wire.
 * @typedef {{ kind: "presence" | "voice" | "members" | "raw", argument: any, opcode: number, data: any }} Command
 */

/** @typedef {{ command?: Command, problems: Record<string, string> }} Built problems by field name */

/** @type {Record<string, (fields: Record<string, string>) => Built>} */
export const BUILDERS = { presence, voice, members, raw };

/** Size of the command as it goes over the wire. */
export function sizeOf(command) {
  return encoder.encode(JSON.stringify({ op: command.opcode, d: command.data })).length;
}

function presence(fields) {
  const problems = {};
  const activity = activityOf(fields);
  if (activity?.type === 1 && !/^https:\/\/(www\.)?(twitch\.tv|youtube\.com)\//.test(fields.url)) {
    problems.url = "Streaming needs a Twitch or YouTube address.";
  }
  const argument = { status: fields.status, activities: activity ? [activity] : [] };
  const data = { since: null, activities: argument.activities, status: fields.status, afk: false };
  return built(problems, { kind: "presence", argument, opcode: 3, data });
}

function activityOf({ activity, activityType, url }) {
  if (!activity) return undefined;
  const type = Number(activityType);
  if (type === 4) return { name: "Custom Status", type, state: activity };
  return type === 1 ? { name: activity, type, url } : { name: activity, type };
}

function voice(fields) {
  const problems = { ...idProblem("guildId", fields.guildId) };
  if (fields.channelId) Object.assign(problems, idProblem("channelId", fields.channelId));
  const argument = {
    guildId: fields.guildId,
    channelId: fields.channelId || null,
    selfMute: fields.selfMute === "on",
    selfDeaf: fields.selfDeaf === "on",
  };
  const data = {
    guild_id: argument.guildId,
    channel_id: argument.channelId,
    self_mute: argument.selfMute,
    self_deaf: argument.selfDeaf,
  };
  return built(problems, { kind: "voice", argument, opcode: 4, data });
}

function members(fields) {
  const problems = { ...idProblem("guildId", fields.guildId) };
  const nonce = fields.nonce || freshNonce();
  if (encoder.encode(nonce).length > MAX_NONCE_BYTES) problems.nonce = `At most ${MAX_NONCE_BYTES} bytes.`;
  const shared = { guildId: fields.guildId, presences: fields.presences === "on", nonce };
  const wire = { guild_id: shared.guildId, presences: shared.presences, nonce };
  const which = fields.userIds ? byIds(fields.userIds, problems) : byQuery(fields, problems);
  return built(problems, {
    kind: "members",
    argument: { ...shared, ...which.argument },
    opcode: 8,
    data: { ...wire, ...which.data },
  });
}

function byIds(text, problems) {
  const userIds = text.split(/[\s,]+/).filter(Boolean);
  if (userIds.length > MAX_IDS) problems.userIds = `At most ${MAX_IDS} ids.`;
  else if (!userIds.every((id) => ID.test(id))) problems.userIds = "Each id has 15 to 20 digits.";
  return { argument: { userIds }, data: { user_ids: userIds } };
}

function byQuery({ query, limit }, problems) {
  const value = Number(limit);
  if (limit === "" || !Number.isInteger(value) || value < 0 || value > 100) problems.limit = "A whole number from 0 to 100.";
  return { argument: { query, limit: value }, data: { query, limit: value } };
}

function raw(fields) {
  const problems = {};
  const opcode = Number(fields.opcode);
  if (fields.opcode === "" || !Number.isInteger(opcode) || opcode < 0 || opcode > 255) {
    problems.opcode = "A whole number from 0 to 255.";
  }
  const data = parsed(fields.data, problems);
  return built(problems, { kind: "raw", argument: data, opcode, data });
}

function parsed(text, problems) {
  try {
    return JSON.parse(text);
  } catch (error) {
    problems.data = `This is not JSON: ${error.message}`;
    return null;
  }
}

function idProblem(field, value) {
  return ID.test(value) ? {} : { [field]: "An id of 15 to 20 digits." };
}

function built(problems, command) {
  return Object.keys(problems).length ? { problems } : { problems, command };
}

function freshNonce() {
  return crypto.randomUUID().slice(0, 8);
}
