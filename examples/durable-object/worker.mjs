// A bot that lives in a Durable Object and counts the messages of each channel: each once, however often the object is taken
// away.

import { DurableShard } from "shardwire/durable-object";

export class Bot extends DurableShard {
  static options(env) {
    return {
      token: env.DISCORD_TOKEN,
      intents: ["GUILDS", "GUILD_MESSAGES"],
      filter: { only: ["MESSAGE_CREATE"] },
      url: env.GATEWAY_URL,
      // What an event adds to the table, and that it was handled, is stored together.
      durable: { saveEvents: 1 },
    };
  }

  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS messages (channel TEXT PRIMARY KEY, count INTEGER NOT NULL)");
  }

  onDispatch({ name, data }) {
    if (name !== "MESSAGE_CREATE") return;
    this.ctx.storage.sql.exec(
      "INSERT INTO messages VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
      data.channel_id,
    );
  }

  async report() {
    const channels = this.ctx.storage.sql.exec("SELECT channel, count FROM messages ORDER BY count DESC LIMIT 10");
    return { channels: channels.toArray(), ...(await this.info()) };
  }
}

export default {
  async fetch(request, env) {
    // The address is public, and not everybody may stop the bot.
    if (request.headers.get("authorization") !== `Bearer ${env.ADMIN_KEY}`) {
      return new Response("expected the key\n", { status: 401 });
    }
    const bot = env.BOT.getByName("bot");
    switch (`${request.method} ${new URL(request.url).pathname}`) {
      case "POST /start":
        await bot.start();
        break;
      case "POST /stop":
        await bot.stop();
        break;
      case "POST /leave":
        // Goes on later where it was.
        await bot.stop({ keepSession: true });
        break;
      case "GET /":
        break;
      default:
        return new Response("expected GET /, POST /start, /stop or /leave\n", { status: 404 });
    }
    return Response.json(await bot.report());
  },
};
