// Discord's intents by name. Knows nothing of wasm, which is not loaded yet when this runs;
// a test compares the bits with Rust's.

const BITS = {
  GUILDS: 0,
  GUILD_MEMBERS: 1,
  GUILD_MODERATION: 2,
  GUILD_EXPRESSIONS: 3,
  GUILD_INTEGRATIONS: 4,
  GUILD_WEBHOOKS: 5,
  GUILD_INVITES: 6,
  GUILD_VOICE_STATES: 7,
  GUILD_PRESENCES: 8,
  GUILD_MESSAGES: 9,
  GUILD_MESSAGE_REACTIONS: 10,
  GUILD_MESSAGE_TYPING: 11,
  DIRECT_MESSAGES: 12,
  DIRECT_MESSAGE_REACTIONS: 13,
  DIRECT_MESSAGE_TYPING: 14,
  MESSAGE_CONTENT: 15,
  GUILD_SCHEDULED_EVENTS: 16,
  AUTO_MODERATION_CONFIGURATION: 20,
  AUTO_MODERATION_EXECUTION: 21,
  GUILD_MESSAGE_POLLS: 24,
  DIRECT_MESSAGE_POLLS: 25,
};
const PRIVILEGED = ["GUILD_MEMBERS", "GUILD_PRESENCES", "MESSAGE_CONTENT"];
const union = (names) => names.reduce((bits, name) => bits | (1 << BITS[name]), 0);

export const Intents = Object.freeze({
  ...Object.fromEntries(Object.entries(BITS).map(([name, bit]) => [name, 1 << bit])),
  NON_PRIVILEGED: union(Object.keys(BITS).filter((name) => !PRIVILEGED.includes(name))),
  ALL: union(Object.keys(BITS)),
});

/** The bits of `name`, in any case and with hyphens if you like, also of `NONE`; `undefined` if there is no such intent. */
export function bitsOf(name) {
  const known = name.trim().toUpperCase().replaceAll("-", "_");
  if (known === "NONE") return 0;
  return Object.hasOwn(Intents, known) ? Intents[known] : undefined;
}
