// The Gateway's intents and the events that each one brings. One table for the form and for the cost hints.
// Must never know which intents are in use.

/** @type {readonly { name: string, privileged: boolean, events: readonly string[] }[]} */
export const INTENTS = [
  row("GUILDS", [
    "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE",
    "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE",
    "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE",
    "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBER_UPDATE",
    "STAGE_INSTANCE_CREATE", "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE",
    "VOICE_CHANNEL_STATUS_UPDATE", "VOICE_CHANNEL_START_TIME_UPDATE",
  ]),
  privileged("GUILD_MEMBERS", [
    "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE", "THREAD_MEMBERS_UPDATE",
  ]),
  row("GUILD_MODERATION", ["GUILD_AUDIT_LOG_ENTRY_CREATE", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE"]),
  row("GUILD_EXPRESSIONS", [
    "GUILD_EMOJIS_UPDATE", "GUILD_STICKERS_UPDATE",
    "GUILD_SOUNDBOARD_SOUND_CREATE", "GUILD_SOUNDBOARD_SOUND_UPDATE",
    "GUILD_SOUNDBOARD_SOUND_DELETE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE",
  ]),
  row("GUILD_INTEGRATIONS", [
    "GUILD_INTEGRATIONS_UPDATE", "INTEGRATION_CREATE", "INTEGRATION_UPDATE", "INTEGRATION_DELETE",
  ]),
  row("GUILD_WEBHOOKS", ["WEBHOOKS_UPDATE"]),
  row("GUILD_INVITES", ["INVITE_CREATE", "INVITE_DELETE"]),
  row("GUILD_VOICE_STATES", ["VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND"]),
  privileged("GUILD_PRESENCES", ["PRESENCE_UPDATE"]),
  row("GUILD_MESSAGES", ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"]),
  row("GUILD_MESSAGE_REACTIONS", [
    "MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_ALL", "MESSAGE_REACTION_REMOVE_EMOJI",
  ]),
  row("GUILD_MESSAGE_TYPING", ["TYPING_START"]),
  row("DIRECT_MESSAGES", []),
  row("DIRECT_MESSAGE_REACTIONS", []),
  row("DIRECT_MESSAGE_TYPING", []),
  privileged("MESSAGE_CONTENT", []),
  row("GUILD_SCHEDULED_EVENTS", [
    "GUILD_SCHEDULED_EVENT_CREATE", "GUILD_SCHEDULED_EVENT_UPDATE", "GUILD_SCHEDULED_EVENT_DELETE",
    "GUILD_SCHEDULED_EVENT_USER_ADD", "GUILD_SCHEDULED_EVENT_USER_REMOVE",
  ]),
  row("AUTO_MODERATION_CONFIGURATION", [
    "AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE", "AUTO_MODERATION_RULE_DELETE",
  ]),
  row("AUTO_MODERATION_EXECUTION", ["AUTO_MODERATION_ACTION_EXECUTION"]),
  row("GUILD_MESSAGE_POLLS", ["MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE"]),
  row("DIRECT_MESSAGE_POLLS", []),
];

export const ALL = INTENTS.map((intent) => intent.name);
export const NON_PRIVILEGED = INTENTS.filter((intent) => !intent.privileged).map((intent) => intent.name);

/** The intent that brings an event, or `undefined` if the event comes anyway. */
export function intentOf(eventName) {
  return INTENTS.find((intent) => intent.events.includes(eventName))?.name;
}

function row(name, events) {
  return { name, privileged: false, events };
}

function privileged(name, events) {
  return { name, privileged: true, events };
}
