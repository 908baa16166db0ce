// One line that tells what an event is about.
// Must never know the list that shows it; unknown events get the start of their JSON.

const LENGTH = 200;

/**
 * @param {string} name
 * @param {any} data parsed data of the event
 * @param {string} raw the same as text
 */
export function describe(name, data, raw) {
  const parts = data && typeof data === "object" && !Array.isArray(data) ? partsOf(name, data) : [];
  const line = parts.filter(Boolean).join(" · ");
  return (line || raw).slice(0, LENGTH);
}

function partsOf(name, data) {
  if (name === "READY") return [data.user?.username, `session ${data.session_id}`, listed(data.guilds, "guild")];
  if (name === "GUILD_MEMBERS_CHUNK") return [chunk(data), listed(data.members, "member"), data.nonce];
  if (name === "RATE_LIMITED") return [`opcode ${data.opcode}`, `retry after ${data.retry_after} s`];
  return [
    who(data),
    data.content || data.name || data.topic || emoji(data.emoji) || data.custom_message,
    typeof data.status === "string" ? data.status : "",
    data.activities?.[0]?.name,
    listed(data.members, "member"),
    listed(data.attachments, "attachment"),
    place(data),
  ];
}

function who(data) {
  const user = data.author ?? data.user ?? data.member?.user ?? data.creator;
  return user?.global_name || user?.username || idOf("user", user?.id ?? data.user_id);
}

function place(data) {
  return idOf("channel", data.channel_id) || idOf("guild", data.guild_id) || idOf("id", data.id);
}

const idOf = (word, id) => (id ? `${word} ${id}` : "");
const emoji = (value) => value?.name;
const listed = (list, word) => (list?.length ? `${list.length} ${word}${list.length === 1 ? "" : "s"}` : "");
const chunk = (data) => `chunk ${data.chunk_index + 1} of ${data.chunk_count}`;
