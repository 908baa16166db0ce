// Who gets which event, and in which order, whatever subscribers do: read slowly, fail, leave, come later. What the crate does is
// tested in tests/fleet/dispatch.rs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { withGateway } from "./gateway.mjs";
import { LIMITS, makeShard } from "./reader.mjs";
import { until } from "./workers.mjs";

const { Broadcast, Demand, Lagged, Partition } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/dispatch.js`);

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A source that is fed by hand in batches, and counts how many of them were taken. */
class Fed {
  taken = 0;
  #batches = [];
  #waiting = null;

  give(...events) {
    this.#batches.push(events);
    this.#waiting?.();
  }

  async nextBatch() {
    if (this.#batches.length === 0) await new Promise((resolve) => (this.#waiting = resolve));
    this.taken += 1;
    return this.#batches.shift();
  }
}

async function* each(events) {
  yield* events;
}

/** All that a subscription gives until it ends. */
async function all(subscription) {
  const seen = [];
  for await (const event of subscription) seen.push(event instanceof Lagged ? `${event.dropped} ${event.type}` : event);
  return seen;
}

/** Chance that is the same in each run. */
function chanceOf(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

test("everybody gets everything that they want in order", async () => {
  const [broadcast, source] = [new Broadcast(), new Fed()];
  const running = broadcast.run(source);
  source.give(1);
  await turn();
  const everything = broadcast.subscribe();
  const even = broadcast.subscribe({}, (number) => number % 2 === 0);
  source.give(2, 3, 4, 5);
  await turn();
  assert.deepEqual(await everything.next(), { done: false, value: 2 });
  everything.close();
  source.give(6);
  source.give();
  await running;
  assert.deepEqual(await all(everything), []);
  assert.deepEqual(await all(even), [2, 4, 6]);
});

test("what waits is had at once, with what is missing told in its place", async () => {
  const [broadcast, source] = [new Broadcast(), new Fed()];
  const running = broadcast.run(source);
  const [all, newest] = [broadcast.subscribe(), broadcast.subscribe({ capacity: 2, overflow: "drop-oldest" })];
  source.give(1, 2, 3, 4, 5);
  await turn();
  assert.deepEqual(await all.nextBatch(), [1, 2, 3, 4, 5]);
  const [lagged, ...rest] = await newest.nextBatch();
  assert.ok(lagged instanceof Lagged);
  assert.deepEqual([lagged.dropped, rest], [3, [4, 5]]);
  const waiting = all.nextBatch();
  source.give(6);
  assert.deepEqual(await waiting, [6]);
  source.give();
  await running;
  assert.deepEqual([await all.nextBatch(), await newest.nextBatch(), await newest.nextBatch()], [[], [6], []]);
});

test("a slow subscriber harms no other, and is told what it missed", async () => {
  const broadcast = new Broadcast();
  const dropping = broadcast.subscribe({ capacity: 3, overflow: "drop-oldest" });
  const failing = broadcast.subscribe({ capacity: 3, overflow: "fail" });
  const quick = broadcast.subscribe();
  await broadcast.run(each(numbers(1, 10)));
  assert.deepEqual(await all(dropping), ["7 lagged", 8, 9, 10]);
  assert.deepEqual(await all(failing), [1, 2, 3, "1 lagged"]);
  assert.deepEqual(await all(quick), numbers(1, 10));
});

test("a filter that throws ends its own subscription only", async () => {
  const broadcast = new Broadcast();
  const careless = broadcast.subscribe({}, (number) => {
    if (number === 3) throw new RangeError("mine");
    return true;
  });
  const careful = broadcast.subscribe();
  await broadcast.run(each([1, 2, 3, 4]));
  const seen = [];
  await assert.rejects(async () => {
    for await (const number of careless) seen.push(number);
  }, { name: "RangeError", message: "mine" });
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual(await careless.next(), { done: true, value: undefined });
  assert.deepEqual(await all(careful), [1, 2, 3, 4]);
});

test("nothing is read beyond what a slow subscriber has room for, until half of it is read", async () => {
  const [broadcast, source] = [new Broadcast(), new Fed()];
  const slow = broadcast.subscribe({ capacity: 4 });
  const quick = broadcast.subscribe({ capacity: 1000 });
  const running = broadcast.run(source);
  for (const number of numbers(1, 20)) source.give(number);
  source.give();
  await turn();
  // One more than fit was taken, and waits.
  assert.equal(source.taken, 5);
  assert.equal((await slow.next()).value, 1);
  await turn();
  assert.equal(source.taken, 5);
  assert.equal((await slow.next()).value, 2);
  await turn();
  assert.equal(source.taken, 7);
  // Nobody has to wait for who is gone.
  slow.close();
  await running;
  assert.deepEqual(await all(quick), numbers(1, 20));
});

test("each event goes to the one that asks first, and what nobody asked for waits for those to come", async () => {
  const [demand, source] = [new Demand(), new Fed()];
  const running = demand.run(source);
  source.give(1, 2, 3);
  await turn();
  const [one, other] = [demand.subscribe(), demand.subscribe()];
  assert.equal((await one.next()).value, 1);
  assert.equal((await other.next()).value, 2);
  // Who leaves takes nothing along that it was not given.
  one.close();
  assert.equal((await other.next()).value, 3);
  const asked = [other.next(), demand.subscribe().next()];
  source.give(4, 5);
  assert.deepEqual((await Promise.all(asked)).map(({ value }) => value), [4, 5]);
  // Nor does who leaves while it waits.
  const waiting = demand.subscribe();
  const never = waiting.next();
  waiting.close();
  assert.deepEqual(await never, { done: true, value: undefined });
  source.give(6);
  source.give();
  await running;
  assert.deepEqual(await all(demand.subscribe()), [6]);
  assert.deepEqual(await all(other), []);
});

test("on demand each event is had once, however slow its subscribers are, and whoever of them fails", async () => {
  const chance = chanceOf(7);
  const demand = new Demand({ capacity: 10 });
  const seen = [];
  let failures = 0;
  const work = async () => {
    try {
      for await (const number of demand.subscribe()) {
        seen.push(number);
        for (let turns = chance(4); turns > 0; turns--) await turn();
        const fate = chance(20);
        if (fate === 0) throw new RangeError("it fails");
        if (fate === 1) break;
      }
    } catch (error) {
      assert.equal(error.message, "it fails");
      failures += 1;
    }
  };
  let isOver = false;
  // Each is replaced by another.
  const workers = Array.from({ length: 4 }, async () => {
    while (!isOver) await work();
  });
  await demand.run(each(numbers(1, 2000)));
  isOver = true;
  await Promise.all(workers);
  assert.ok(failures > 10, `${failures} failed`);
  // The last may have failed before the line was empty.
  seen.push(...(await all(demand.subscribe())));
  assert.deepEqual(seen.toSorted((a, b) => a - b), numbers(1, 2000));
});

test("the same key is the same subscriber in order, also when it fails and another comes", async () => {
  const chance = chanceOf(11);
  const parts = 4;
  const partition = new Partition(parts, ({ key }) => key, { capacity: 10 });
  const seen = new Map();
  const owners = new Map();
  let failures = 0;
  const work = async (part) => {
    const subscription = partition.subscribe(part);
    assert.equal(partition.subscribe(part), null, "somebody has it");
    try {
      for await (const { key, number } of subscription) {
        seen.set(key, [...(seen.get(key) ?? []), number]);
        owners.set(key, new Set(owners.get(key)).add(part));
        for (let turns = chance(3); turns > 0; turns--) await turn();
        if (chance(20) === 0) throw new RangeError("it fails");
      }
      return true;
    } catch {
      failures += 1;
      return false;
    }
  };
  assert.equal(partition.subscribe(parts), null, "there is none");
  const workers = numbers(0, parts - 1).map(async (part) => {
    while (!(await work(part)));
  });
  const guilds = numbers(0, 15).map((shift) => String(81384788765712384n + (BigInt(shift) << 22n)));
  await partition.run(each(numbers(1, 100).flatMap((number) => guilds.map((key) => ({ key, number })))));
  await Promise.all(workers);
  assert.ok(failures > 10, `${failures} failed`);
  assert.equal(seen.size, guilds.length);
  for (const each of seen.values()) assert.deepEqual(each, numbers(1, 100));
  for (const [key, parts] of owners) assert.equal(parts.size, 1, key);
  const busy = new Set([...owners.values()].flatMap((parts) => [...parts]));
  assert.equal(busy.size, parts, "the keys are spread");
});

test("a part without a subscriber keeps what comes for it", async () => {
  const [partition, source] = [new Partition(2, (number) => number % 2, { capacity: 2 }), new Fed()];
  const running = partition.run(source);
  for (const number of numbers(0, 9)) source.give(number);
  source.give();
  const seen = [];
  const work = async (part) => seen.push(await all(partition.subscribe(part)));
  const one = work(0);
  await turn();
  assert.ok(source.taken < 10, "everything waits for the other");
  await Promise.all([one, work(1), running]);
  assert.deepEqual(seen.map((each) => each[0] % 2).toSorted(), [0, 1]);
  assert.deepEqual(seen.flat().toSorted(), numbers(0, 9));
  for (const each of seen) assert.deepEqual(each, each.toSorted());
});

test("a source that fails is told to whoever runs it and to whoever reads, behind what came before", async () => {
  async function* failing() {
    yield 1;
    throw new RangeError("broken");
  }
  const [broadcast, demand] = [new Broadcast(), new Demand()];
  for (const dispatcher of [broadcast, demand]) {
    const readers = [dispatcher.subscribe(), dispatcher.subscribe()];
    const asked = readers.map((reader) => all(reader).catch((error) => error.message));
    await assert.rejects(dispatcher.run(failing()), { message: "broken" });
    assert.deepEqual(await Promise.all(asked), ["broken", "broken"]);
    await assert.rejects(dispatcher.subscribe().next(), { message: "broken" });
    await assert.rejects(dispatcher.run(each([2])), { code: "stopped" });
  }
  const keyed = new Partition(2, ({ key }) => key);
  const [zero, one] = [keyed.subscribe(0), keyed.subscribe(1)];
  await assert.rejects(keyed.run(each([null])), TypeError);
  await assert.rejects(zero.next(), TypeError);
  await assert.rejects(one.next(), TypeError);
});

test("several sources end with the last of them", async () => {
  const [demand, source] = [new Demand(), new Fed()];
  const running = demand.run(source);
  await demand.run(each([1, 2]));
  source.give(3);
  source.give();
  await running;
  assert.deepEqual(await all(demand.subscribe()), [1, 2, 3]);
});

test("a signal ends it after what was read, and lets go of the source", async () => {
  let isLeft = false;
  async function* endless() {
    try {
      for (let number = 1; ; number++) yield number;
    } finally {
      isLeft = true;
    }
  }
  const abort = new AbortController();
  const demand = new Demand({ capacity: 3 });
  const running = demand.run(endless(), { signal: abort.signal });
  await turn();
  abort.abort(new RangeError("enough"));
  const isCancelled = ({ code, cause }) => code === "cancelled" && cause.message === "enough";
  await assert.rejects(running, isCancelled);
  assert.deepEqual(await all(demand.subscribe()), [1, 2, 3, 4]);
  assert.ok(isLeft);
  await assert.rejects(new Demand().run(endless(), { signal: abort.signal }), isCancelled);

  // While it waits for the source, too, and what was read in one batch stays together.
  const [quiet, later] = [new Fed(), new AbortController()];
  const broadcast = new Broadcast();
  const slow = broadcast.subscribe({ capacity: 2 });
  const batches = broadcast.run(quiet, { signal: later.signal });
  quiet.give(...numbers(1, 5));
  await turn();
  later.abort();
  await assert.rejects(batches, { code: "cancelled" });
  assert.deepEqual(await all(slow), numbers(1, 5));
});

test("a subscription is closed by leaving its loop, by close and by disposing of it", async () => {
  const broadcast = new Broadcast();
  const left = [broadcast.subscribe(), broadcast.subscribe(), broadcast.subscribe()];
  const waiting = left[1].next();
  left[1].close();
  left[1].close();
  await left[2][Symbol.asyncDispose]();
  const running = broadcast.run(each(numbers(1, 5)));
  for await (const number of left[0]) if (number === 2) break;
  await running;
  assert.equal((await waiting).done, true);
  for (const each of left) assert.deepEqual(await all(each), []);
});

test("what is not right is refused with a code", async () => {
  const refused = { name: "ShardwireError", code: "bad-options" };
  for (const options of [{ capacity: 0 }, { capacity: 1.5 }, { capacity: "10" }, { overflow: "wait" }]) {
    assert.throws(() => new Broadcast().subscribe(options), refused);
    assert.throws(() => new Demand(options), refused);
    assert.throws(() => new Partition(2, () => 0, options), refused);
  }
  assert.throws(() => new Broadcast().subscribe({}, "MESSAGE_CREATE"), refused);
  for (const parts of [0, -1, 1.5, undefined]) assert.throws(() => new Partition(parts, () => 0), refused);
  assert.throws(() => new Partition(2), refused);
  for (const source of [undefined, [1, 2], {}]) await assert.rejects(new Demand().run(source), refused);
});

/** Runs `work` with a shard, whose session must never have been lost. */
async function withShard({ rate, ...options }, work) {
  await withGateway({ rate, guilds: 2, "heartbeat-interval": 500 }, async (gateway) => {
    const shard = makeShard(gateway, options);
    try {
      await work(shard);
      assert.equal((await gateway.state()).identifies, 1);
    } finally {
      await shard.close();
    }
  });
}

/** Sequence numbers of the next `count` dispatches. */
async function sequencesOf(subscription, count) {
  const seen = [];
  while (seen.length < count) {
    const { value } = await subscription.next();
    if (value.type === "dispatch") seen.push(value.sequence);
  }
  return seen;
}

test("a shard leaves off for a slow subscriber, and nothing is lost", LIMITS, async () => {
  await withShard({ rate: 200, limits: { waitingEvents: 20 }, patience: { backoffFirst: 1 } }, async (shard) => {
    const broadcast = new Broadcast();
    const slow = broadcast.subscribe({ capacity: 10 });
    const running = broadcast.run(shard);
    for (let times = 1; times <= 2; times++) {
      await until(() => shard.info(), ({ status, counters }) => status === "idle" && counters.connects === times);
      const first = 150 * (times - 1) + 1;
      const seen = await sequencesOf(slow, 150);
      assert.deepEqual(seen, numbers(first, first + 149));
    }
    assert.ok(shard.info().counters.resumes >= 2);
    assert.equal(shard.info().counters.gaps, 0);
    await shard.close();
    slow.close();
    await running;
  });
});

test("hearts beat while nobody reads", LIMITS, async () => {
  await withShard({ rate: 200 }, async (shard) => {
    const demand = new Demand({ capacity: 1 });
    const running = demand.run(shard);
    const { counters } = await until(() => shard.info(), ({ counters }) => counters.heartbeats >= 4);
    assert.deepEqual([counters.connects, counters.faults], [1, 0]);
    await shard.close();
    await all(demand.subscribe());
    await running;
  });
});

test("workers share a shard's events, and a shard's end is theirs", LIMITS, async () => {
  await withShard({ rate: 500 }, async (shard) => {
    const demand = new Demand({ capacity: 10 });
    const seen = [];
    const work = async (most) => {
      const mine = [];
      for await (const event of demand.subscribe()) {
        if (event.type === "dispatch") mine.push(event.sequence);
        await turn();
        if (mine.length === most) break;
      }
      seen.push(mine);
    };
    const working = [work(), work(10), work()];
    const running = demand.run(shard);
    await until(() => shard.info(), ({ counters }) => counters.dispatches >= 300);
    await shard.close();
    await Promise.all([...working, running]);
    const had = seen.flat().toSorted((a, b) => a - b);
    assert.deepEqual(had, numbers(1, had.length));
    assert.ok(had.length >= 300);
    for (const mine of seen) assert.ok(mine.length >= 10, "each had a part");
  });
});
