// The program of Cloudflare Workers: each request is a task, and is answered with the transcript, by the Worker itself or by a
// Durable Object. The request lives as long as the play, since its sockets and timers end with it.

import "shardwire/codecs";
import * as main from "shardwire";
import * as discover from "shardwire/discover";
import * as requests from "shardwire/requests";

import { play } from "../../play.mjs";

async function answer(request) {
  try {
    return Response.json({ transcript: await play(await request.json(), { main, requests, discover }) });
  } catch (error) {
    return Response.json({ error: String(error?.stack ?? error) });
  }
}

export default {
  fetch: (request, { PLAYER }) => (PLAYER ? PLAYER.get(PLAYER.newUniqueId()).fetch(request) : answer(request)),
};

export class Player {
  fetch(request) {
    return answer(request);
  }
}
