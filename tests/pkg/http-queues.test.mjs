// A queue that is asked over HTTP: one budget for processes and workers, whoever serves it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

import { startQueue, withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, run } from "./project.mjs";
import { LIMITS, isReady, withReader } from "./reader.mjs";
import { until } from "./workers.mjs";

const { IdentifyLedger, httpQueue, queueListener } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/entry/fleet/node.js`);

const ws = new URL("../../node_modules/ws/wrapper.mjs", import.meta.url).href;
const QUIET = { rate: 0, guilds: 1 };
const of = (number) => [number, 8];
/** Long enough for whoever may go at once. */
const soon = () => AbortSignal.timeout(200);

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

/** Runs `work` with the address of a server that answers by `listener`. */
async function withServer(listener, work) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Whoever serves a queue with these limits. */
const SERVERS = {
  async "shardwire queue"({ maxConcurrency }, work) {
    const queue = await startQueue({ "max-concurrency": maxConcurrency });
    try {
      await work(queue.url);
    } finally {
      await queue.stop();
    }
  },
  "queueListener in Node.js": (limit, work) => withServer(queueListener(new IdentifyLedger({ limit })), work),
};

/** Runs a process with shards that ask the queue at this address. */
async function runProcess(queue, task) {
  const env = { ...process.env, TASK: JSON.stringify({ ws, task, queue }) };
  const { stdout } = await run(process.execPath, ["identify-process.mjs"], { cwd: project.folder, env, timeout: LIMITS.timeout });
  return JSON.parse(stdout);
}

async function runThread(queue, task) {
  const program = pathToFileURL(join(project.folder, "identify-thread.mjs"));
  const [seen] = await once(new Worker(program, { workerData: { ws, task, queue } }), "message");
  return seen;
}

for (const [name, withQueue] of Object.entries(SERVERS)) {
  test(`two processes and a worker keep one budget by ${name}`, LIMITS, async () => {
    await withQueue({ maxConcurrency: 2 }, async (queue) => {
      await withGateway({ ...QUIET, "max-concurrency": 2 }, async ({ url, state }) => {
        const task = (...numbers) => ({ url, token: TOKEN, numbers, total: 6 });
        const seen = await Promise.all([runProcess(queue, task(0, 1)), runProcess(queue, task(2, 3)), runThread(queue, task(4, 5))]);
        assert.deepEqual(seen, [[1, 1], [1, 1], [1, 1]]);
        assert.equal((await state()).identifies, 6);
      });
    });
  });
}

test("whoever hangs up gives the place up", LIMITS, async () => {
  const ledger = new IdentifyLedger({ limit: { remaining: 2, maxConcurrency: 2 } });
  const asked = [];
  const turn = (shard, signal) => {
    asked.push(signal);
    return ledger.turn(shard, signal);
  };
  await withServer(queueListener({ turn, identified: (...what) => ledger.identified(...what) }), async (url) => {
    const queue = httpQueue(url);
    await queue.turn(of(2));
    // The last identify of the day, in a bucket that is busy: whoever waits for it keeps all others away.
    const leaving = new AbortController();
    const left = assert.rejects(queue.turn(of(0), leaving.signal), RangeError);
    await until(async () => asked.length, (length) => length === 2);
    await assert.rejects(queue.turn(of(1), soon()), { name: "TimeoutError" });
    leaving.abort(new RangeError("mine"));
    await left;
    await until(async () => asked[1].aborted, (isAborted) => isAborted);
    await queue.turn(of(1), soon());
  });
});

test("a server that is busy is asked again when it says", LIMITS, async () => {
  const asked = [];
  const listener = ({ url, headers }, response) => {
    asked.push([url, headers.authorization]);
    if (asked.length === 1) response.writeHead(503, { "retry-after": "1" });
    response.end();
  };
  await withServer(listener, async (url) => {
    const identifyQueue = httpQueue(`${url}/path?of=bot`, { headers: { authorization: "a secret" } });
    await withReader(QUIET, { identifyQueue, shard: [3, 5] }, async ({ seen, until }) => {
      await until(isReady);
      assert.equal(seen.filter(({ code }) => code === "queue-unavailable").length, 1);
      assert.deepEqual(asked, Array(2).fill(["/path?of=bot&shard=3", "a secret"]));
    });
  });
});

test("an answer that is none of success is an error that tells it", LIMITS, async () => {
  const answers = {
    "a pause": [503, { "retry-after": "2" }, 2_000],
    "a pause that is too long": [429, { "retry-after": "1e9" }, 600_000],
    "a date": [503, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }, undefined],
    "no pause": [500, {}, undefined],
    "another place": [302, { location: "/elsewhere" }, undefined],
  };
  let answer;
  const listener = (_, response) => response.writeHead(...answer.slice(0, 2)).end("a body");
  await withServer(listener, async (url) => {
    for (const [what, expected] of Object.entries(answers)) {
      answer = expected;
      const [status, , retryAfterMs] = expected;
      const error = { name: "ShardwireError", code: "unavailable", status, retryAfterMs };
      await assert.rejects(httpQueue(url).turn(of(0)), error, what);
    }
  });
  for (const url of ["queue", "ftp://127.0.0.1/", "", undefined]) {
    assert.throws(() => httpQueue(url), { name: "ShardwireError", code: "bad-url" });
  }
});

test("what is no question is refused, and the server goes on", LIMITS, async () => {
  const queue = { turn: async () => {} };
  await withServer(queueListener(queue), async (url) => {
    const statusOf = async (path, method = "GET") => {
      const [response] = await once(ask(url, { path, method }).end(), "response");
      response.resume();
      return response.statusCode;
    };
    for (const path of ["/", "/?shard=7", "//", "//[?shard=7", "http://[/?shard=7", "/any/path?x&shard=4294967294"]) {
      assert.equal(await statusOf(path), 200, path);
    }
    for (const shard of ["", "x", "-1", "1.5", "1e3", "4294967295", "99999999999999999999"]) {
      assert.equal(await statusOf(`/?shard=${shard}`), 400, shard);
    }
    assert.equal(await statusOf("/?shard=7", "POST"), 405);
  });
});

test("what a queue throws is the answer, or told of", LIMITS, async () => {
  const errors = [];
  const told = [];
  const wishes = [1_500, undefined, NaN, -1];
  const queue = {
    async turn([number]) {
      if (number > 0) throw Object.assign(new Error("mine"), { retryAfterMs: wishes[number - 1] });
    },
    identified(...what) {
      told.push(what);
      throw new RangeError("mine");
    },
  };
  await withServer(queueListener(queue, { onError: (error) => errors.push(error) }), async (url) => {
    const answers = await Promise.all([0, 1, 2, 3, 4].map((number) => fetch(`${url}/?shard=${number}`)));
    assert.deepEqual(answers.map(({ status }) => status), [200, 503, 503, 503, 503]);
    assert.deepEqual(answers.map(({ headers }) => headers.get("retry-after")), [null, "2", "5", "5", "5"]);
    assert.ok(errors.length === 1 && errors[0] instanceof RangeError);
    assert.deepEqual(told, [[[0, 0xffff_ffff], { withinMs: 500 }]]);
  });
});
