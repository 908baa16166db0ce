// What the world reaches of the fleet: a page that shows it, and the few things that can be done with it.

import { consumerNames } from "./bot.mjs";
import page from "./page.html";

export { Bot } from "./bot.mjs";
export { Consumer } from "./consumer.mjs";
export { Fleet } from "./fleet.mjs";

/** The page brings all it needs along, and nobody else may show it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
const PAGE = { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY };
const MOST_SHARDS = 500;

export default {
  async fetch(request, env) {
    const refusal = refuse(request, env);
    if (refusal) return refusal;
    const { pathname, searchParams } = new URL(request.url);
    const fleet = env.FLEET.getByName("fleet");
    try {
      switch (`${request.method} ${pathname}`) {
        case "GET /":
          return new Response(page, { headers: PAGE });
        case "GET /messages":
          return Response.json(await Promise.all(consumerNames().map((name) => env.CONSUMER.getByName(name).report())));
        case "GET /turns":
          // For shards outside Cloudflare: they wait here until they may identify.
          return await fleet.fetch(request);
        case "GET /status":
          break;
        case "POST /start":
          await fleet.start(readTotal(searchParams));
          break;
        case "POST /stop":
          await fleet.stop();
          break;
        case "POST /leave":
          // They go on later where they were.
          await fleet.stop({ keepSession: true });
          break;
        case "POST /reshard":
          await fleet.reshard(readTotal(searchParams));
          break;
        default:
          return new Response("expected GET /, /status, /messages or /turns, POST /start, /stop, /leave or /reshard\n", { status: 404 });
      }
      return Response.json(await fleet.status());
    } catch (error) {
      return Response.json({ error: error.message }, { status: 409 });
    }
  },
};

/** Browsers ask for the key by themselves, and send it along from then on; but not for pages of others. */
function refuse(request, env) {
  const [, given = ""] = /^Basic (.*)$/.exec(request.headers.get("authorization")) ?? [];
  if (given !== btoa(`admin:${env.ADMIN_KEY}`)) {
    const headers = { "www-authenticate": 'Basic realm="fleet", charset="UTF-8"' };
    return new Response("expected the key, as the password of admin\n", { status: 401, headers });
  }
  const from = request.headers.get("sec-fetch-site") ?? "same-origin";
  if (from === "same-origin" || request.method === "GET") return null;
  return new Response("expected a request of the fleet's own page\n", { status: 403 });
}

function readTotal(searchParams) {
  const given = searchParams.get("total");
  if (given === null) return undefined;
  const total = Number(given);
  if (!Number.isInteger(total) || total < 1 || total > MOST_SHARDS) throw new Error(`expected total from 1 to ${MOST_SHARDS}`);
  return total;
}
