// What runs inside a page or a worker of one: a client that tells `seen` where the burst ends and where all is over. Its work is
// measured from outside, so the server holds the steady events back until the client says something more.

/** Does `job` and calls `tell(step, count, sequence)` with the steps `burst` and `last`. */
export async function play(job, tell) {
  const step = (sequence) => ({ [job.burst]: "burst", [job.last]: "last" })[sequence];
  let count = 0;
  const saw = (sequence, goOn) => {
    count += 1;
    if (sequence !== job.burst && sequence !== job.last) return;
    // Whoever measures looks first; then the steady events may come.
    void Promise.resolve(tell(step(sequence), count, sequence)).then(goOn);
  };
  if (job.client === "shardwire") await shardwire(job, saw);
  else await bare(job, saw);
}

async function shardwire(job, saw) {
  const { Shard } = await import(job.entry);
  if (job.compression === "zstd-stream") await import(job.codecs);
  const { url, compression } = job;
  const shard = new Shard({ token: "bench", intents: 0, url, compression });
  const goOn = () => shard.updatePresence({ status: "online" });
  for await (const event of shard) {
    if (event.type !== "dispatch") continue;
    void event.data;
    saw(event.sequence, goOn);
  }
}

async function bare(job, saw) {
  const inflate = job.client === "pako" ? await pako(job.pako) : null;
  const socket = new WebSocket(`${job.url}/?v=10&encoding=json${inflate ? "&compress=zlib-stream" : ""}`);
  socket.binaryType = "arraybuffer";
  const goOn = () => socket.send('{"op":3,"d":{"status":"online","since":null,"afk":false,"activities":[]}}');
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(inflate ? inflate(new Uint8Array(data)) : data);
    if (message.op === 0) saw(message.s, goOn);
    else if (message.op === 10) socket.send('{"op":2,"d":{"token":"bench","intents":0,"properties":{}}}');
  };
}

/** As bots in pages inflate without a client of ours. */
async function pako(module) {
  const { Inflate } = await import(module);
  const decoder = new TextDecoder();
  const inflate = new Inflate({ chunkSize: 65_535 });
  let text = "";
  inflate.onData = (piece) => (text += decoder.decode(piece, { stream: true }));
  return (message) => {
    text = "";
    inflate.push(message, 2);
    return text;
  };
}
