// Following the life of a page, with a page made of event targets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// As written: in the package it is a part of `index.js`.
import { follow } from "../../pkg-template/lifecycle.js";

/** An event target that knows how many listeners it has. */
class Target extends EventTarget {
  listeners = 0;

  addEventListener(name, listener, { signal }) {
    super.addEventListener(name, listener, { signal });
    this.listeners += 1;
    signal.addEventListener("abort", () => (this.listeners -= 1));
  }

  fire(...names) {
    for (const name of names) this.dispatchEvent(new Event(name));
  }
}

function page() {
  return Object.assign(new Target(), { navigator: { onLine: true }, document: new Target() });
}

class FakeShard {
  calls = [];
  isOver = false;

  pause() {
    this.calls.push("pause");
  }

  start() {
    this.calls.push("start");
  }

  /** What was called since the last time. */
  taken() {
    return this.calls.splice(0).join(" ");
  }
}

test("a shard leaves off and goes on with its host", () => {
  const [host, shard] = [page(), new FakeShard()];
  follow(shard, host);
  for (const [target, leave, back] of [[host, "offline", "online"], [host, "pagehide", "pageshow"], [host.document, "freeze", "resume"]]) {
    target.fire(leave);
    assert.equal(shard.taken(), "pause", leave);
    target.fire(back);
    assert.equal(shard.taken(), "start", back);
  }
});

test("it goes on only when nothing keeps it away any more", () => {
  const [host, shard] = [page(), new FakeShard()];
  follow(shard, host);
  host.document.fire("freeze");
  host.fire("offline");
  shard.taken();
  host.document.fire("resume");
  assert.equal(shard.taken(), "pause", "it is still offline");
  host.fire("online");
  assert.equal(shard.taken(), "start");
});

test("a host that comes online unannounced starts it at once", () => {
  const [host, shard] = [page(), new FakeShard()];
  follow(shard, host);
  host.fire("online");
  assert.equal(shard.taken(), "start");
});

test("workers have no document", () => {
  const [host, shard] = [Object.assign(page(), { document: undefined }), new FakeShard()];
  follow(shard, host);
  host.fire("offline", "online");
  assert.equal(shard.taken(), "pause start");
});

test("hosts that know no network are left alone", () => {
  const host = Object.assign(page(), { navigator: {} });
  follow(new FakeShard(), host);
  assert.equal(host.listeners, 0);
  follow(new FakeShard());
});

test("no listener outlives the shard's end", () => {
  const [host, shard] = [page(), new FakeShard()];
  follow(shard, host);
  assert.ok(host.listeners > 0 && host.document.listeners > 0);
  shard.isOver = true;
  host.fire("offline");
  assert.equal(shard.taken(), "");
  assert.deepEqual([host.listeners, host.document.listeners], [0, 0]);
});

test("a forgotten shard is not kept, nor are its listeners", { timeout: 30_000 }, async () => {
  const host = page();
  follow(new FakeShard(), host);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  while (host.listeners > 0) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(host.document.listeners, 0);
});
