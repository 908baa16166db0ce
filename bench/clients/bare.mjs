// Hand-written loops over a host's WebSocket or the package `ws`: what is left if a client does nothing but read. They know
// neither heartbeats nor sessions.
import { Meter, idleGauge, job } from "./meter.mjs";
import { inflater } from "./inflaters.mjs";

const { WebSocket } = job.socket === "ws" ? await import("ws") : globalThis;

const meter = job.idle ? null : new Meter();
const isReady = job.idle ? idleGauge() : null;
for (let number = 0; number < (job.idle ?? 1); number += 1) await open();

async function open() {
  const inflate = await inflater(job.inflate);
  const query = inflate ? "&compress=zlib-stream" : "";
  const socket = new WebSocket(`${job.url}/?v=10&encoding=json${query}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(inflate ? inflate(new Uint8Array(data)) : data);
    if (message.op === 0) (isReady ?? ((sequence) => meter.saw(sequence)))(message.s);
    else if (message.op === 10) socket.send('{"op":2,"d":{"token":"bench","intents":0,"properties":{}}}');
  };
  socket.onerror = ({ message }) => console.error("socket:", message);
}
