// What importing `shardwire/discord` promises, checked by the compiler. Nothing here is run.

import type {
  APIGuildMember,
  GatewayInteractionCreateDispatchData,
  GatewayMessageCreateDispatchData,
  GatewayReadyDispatchData,
} from "discord-api-types/v10";
import { Shard, type DispatchEvent, type GatewayEvent, type GatewayEventMap, type UnlistedName } from "shardwire";
import "shardwire/discord";
import { Shard as ManualShard } from "shardwire/manual";
import { fetchMembers, joinVoice } from "shardwire/requests";

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

for await (const event of new Shard({ token: "t", intents: 0 })) {
  same<typeof event, GatewayEvent>(true);
  if (event.type === "dispatch" && event.name === "MESSAGE_CREATE") {
    same<typeof event.data, GatewayMessageCreateDispatchData>(true);
    event.data.author.username satisfies string;
    event.sequence satisfies number;
    event.raw satisfies string;
    // @ts-expect-error messages have no such field
    event.data.contents;
  }
  if (event.type !== "dispatch") continue;
  switch (event.name) {
    case "READY":
      same<typeof event.data, GatewayReadyDispatchData>(true);
      break;
    case "INTERACTION_CREATE":
      same<typeof event.data, GatewayInteractionCreateDispatchData>(true);
      break;
    case "GUILD_MEMBER_ADD":
    case "GUILD_MEMBER_REMOVE":
      event.data.guild_id satisfies string;
      break;
    // @ts-expect-error no event has this name
    case "MESSAGE_CREATED":
      break;
    default:
      event.name satisfies string;
  }
}

// The name is a text, whatever is listed.
declare const dispatch: DispatchEvent;
dispatch.name satisfies string;
dispatch.name satisfies keyof GatewayEventMap | UnlistedName;

// The entry for loading by hand is the same package.
for await (const event of new ManualShard({ token: "t", intents: 0 })) same<typeof event, GatewayEvent>(true);

// Listeners and answers are typed by the same names.
declare const shard: Shard;
shard.on("MESSAGE_CREATE", (message) => same<typeof message, GatewayMessageCreateDispatchData>(true));
same<Awaited<ReturnType<typeof shard.waitFor<"READY">>>, GatewayReadyDispatchData>(true);
// @ts-expect-error messages have no such field
shard.on("MESSAGE_CREATE", ({ contents }) => contents);
const { members } = await fetchMembers(shard, { guildId: "1", query: "", limit: 0 });
same<typeof members, APIGuildMember[]>(true);
(await joinVoice(shard, { guildId: "1", channelId: "2" })).server.endpoint satisfies string | null;

// What is not listed yet can be added.
declare module "shardwire" {
  interface GatewayEventMap {
    SOMETHING_NEW: { id: string };
  }
}
if (dispatch.name === "SOMETHING_NEW") same<typeof dispatch.data, { id: string }>(true);
