// Ten common tasks with the npm package. `docs/comparison.md` shows the same in other clients: `tests/documents.rs` holds the
// two together, and the tests of the package let the compiler read this.

import { Shard } from "shardwire";
import { fetchMembers, joinVoice } from "shardwire/requests";

/** Anything that keeps texts: a file, a database, the storage of a page. */
interface Store {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<void>;
}

export async function messages(token: string) {
  const shard = new Shard({ token, intents: ["GUILD_MESSAGES", "MESSAGE_CONTENT"] });
  for await (const event of shard) {
    if (event.type === "dispatch" && event.name === "MESSAGE_CREATE") {
      console.log(`${event.data.author.username}: ${event.data.content}`);
    }
  }
}

export function twoTypes(token: string) {
  return new Shard({
    token,
    intents: ["GUILD_MESSAGES"],
    filter: { only: ["MESSAGE_CREATE", "MESSAGE_DELETE"] },
  });
}

export async function resume(token: string, store: Store, stop: AbortSignal) {
  const session = JSON.parse((await store.get("session")) ?? "null");
  const shard = new Shard({ token, intents: ["GUILDS"], session });
  stop.addEventListener("abort", async () => {
    const kept = await shard.close({ keepSession: true });
    await store.set("session", JSON.stringify(kept));
  });
  for await (const event of shard) console.log(event);
}

export function presence(token: string) {
  const shard = new Shard({
    token,
    intents: ["GUILDS"],
    presence: { status: "online", activities: [{ name: "you", type: 3 }] },
  });
  shard.updatePresence({
    status: "dnd",
    activities: [{ name: "Custom Status", type: 4, state: "restarting soon" }],
  });
}

export async function members(shard: Shard, guildId: string) {
  const { members } = await fetchMembers(shard, { guildId, query: "", limit: 0 });
  console.log(`${members.length} members`);
}

export async function join(shard: Shard, guildId: string, channelId: string) {
  const { server } = await joinVoice(shard, { guildId, channelId, selfDeaf: true });
  console.log(server);
}

export function smaller(token: string) {
  return new Shard({ token, intents: ["GUILDS"], compression: "zstd-stream", encoding: "etf" });
}

export async function raw(shard: Shard) {
  await shard.send(31, { guild_ids: ["81384788765712384"] }, { when: { withinMs: 5000 } });
}

export function look(shard: Shard) {
  const { heartbeat, counters } = shard.info();
  console.log(heartbeat.lastMs, heartbeat.averageMs, heartbeat.historyMs);
  console.log(counters.wireBytes, counters.inflatedBytes, counters.resumes);
}

export async function againstAFake() {
  // In another window: shardwire gateway --port 8484
  const shard = new Shard({ token: "any", intents: ["GUILDS"], url: "ws://127.0.0.1:8484" });
  for await (const event of shard) {
    if (event.type === "dispatch" && event.name === "READY") {
      const body = JSON.stringify({ fault: "cut" });
      await fetch("http://127.0.0.1:8484/mock/fault", { method: "POST", body });
    }
    if (event.type === "resumed") await shard.close();
  }
}
