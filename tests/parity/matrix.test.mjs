// The matrix must notice what it is there for: scenarios that say nothing, hosts that differ, and flaws that all of them share.

import assert from "node:assert/strict";
import { test } from "node:test";

import { compare } from "./compare.mjs";
import { complete, readScenarios } from "./scenario.mjs";

const SCENARIO = { name: "some", beats: false };

/** A row of one client that saw one event. */
function row(host, change = () => {}) {
  const event = { type: "dispatch", shardId: 0, name: "READY", sequence: 1, raw: '{"url":"ws://127.0.0.1:1234"}' };
  const counters = { messages: 2, sentBytes: 100, heartbeats: 0, wireBytes: 7 };
  const info = { peer: null, uptimeMs: 5, counters, heartbeat: { isAcked: true } };
  const client = { events: [event], outcomes: { send: ["sent"] }, notes: {}, hooks: {}, session: null, info, undone: [] };
  const visit = { host: "base", query: "v=10", messages: ['{"op":1,"d":null}'], end: { by: "client", code: 1000 } };
  const played = { host, clients: [client], server: { visits: [visit], violations: [], faultsWaiting: 0 } };
  change(played);
  return played;
}

test("equal rows agree, whatever their ports, times and systems", () => {
  const other = row("b", ({ clients: [{ events, info }] }) => {
    events[0].raw = events[0].raw.replace("1234", "4321");
    Object.assign(info, { peer: "127.0.0.1:4321", uptimeMs: 99 });
    Object.assign(info.counters, { sentBytes: 105, wireBytes: 8 });
  });
  assert.deepEqual(compare(SCENARIO, [row("a"), other]), { agreeing: ["a", "b"], differences: [] });
});

test("each thing that a user or a server saw makes a difference", () => {
  const changes = [
    ({ clients: [{ events }] }) => (events[0].raw += " "),
    ({ clients: [{ events }] }) => events.push({ type: "resumed", replayed: 0 }),
    ({ clients: [{ outcomes }] }) => (outcomes.send = ["rejected stopped"]),
    ({ clients: [{ info }] }) => (info.counters.messages += 1),
    ({ clients: [client] }) => (client.session = { id: "a" }),
    ({ server: { visits } }) => (visits[0].end.code = 4000),
    ({ server: { visits } }) => (visits[0].messages = []),
    ({ server: { visits } }) => (visits[0].query = "v=9"),
    ({ server }) => server.violations.push("4002 broken JSON"),
  ];
  for (const change of changes) {
    const { agreeing, differences } = compare(SCENARIO, [row("a"), row("b"), row("c", change)]);
    assert.deepEqual(agreeing, ["a", "b"], String(change));
    assert.match(differences.join(), /^some in c: not what a, b saw\n/, String(change));
  }
});

test("heartbeats are left out where they come, and nowhere else", () => {
  const beating = row("b", ({ clients: [{ events, info }], server }) => {
    events.push({ type: "heartbeat", shardId: 0, roundTripMs: 1 });
    info.counters.heartbeats += 1;
    server.visits[0].messages.push('{"op":1,"d":1}');
  });
  assert.equal(compare({ ...SCENARIO, beats: true }, [row("a"), beating]).differences.length, 0);
  assert.equal(compare(SCENARIO, [row("a"), beating]).differences.length, 1);
});

test("what nobody may do is a difference though all did it", () => {
  const flaws = [
    ({ clients: [{ undone }] }) => undone.push({ "status ready": 1 }),
    ({ clients: [{ outcomes }] }) => (outcomes.send = ["open"]),
    ({ server }) => (server.faultsWaiting = 1),
    ({ server: { visits } }) => (visits[0].end = null),
  ];
  for (const flaw of flaws) {
    assert.equal(compare(SCENARIO, [row("a", flaw), row("b", flaw)]).differences.length, 2, String(flaw));
  }
  const failed = { host: "b", error: new Error("it died") };
  assert.match(compare(SCENARIO, [row("a"), failed]).differences.join(), /^some in b: Error: it died/);
});

test("a scenario with a word that means nothing is refused", () => {
  const act = { on: { "status ready": 1 }, do: [{ call: "close" }] };
  const scenario = { about: "One.", clients: [{ acts: [act] }] };
  assert.equal(complete("some", scenario).clients[0].acts[0], act);
  const wrong = [
    { ...scenario, clientz: [] },
    { ...scenario, about: "no sentence" },
    { ...scenario, gateway: { guild: 1 } },
    { ...scenario, gateway: { heartbeatInterval: 100 } },
    { ...scenario, clients: [] },
    { ...scenario, clients: [{ option: {} }] },
    { ...scenario, clients: [{ session: true }] },
    { ...scenario, clients: [{ hooks: { taps: [] } }] },
    { ...scenario, clients: [{ acts: [{ ...act, when: 1 }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, on: {} }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, on: { "is ready": 1 } }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, on: { "status ready": 0 } }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, do: [{ call: "explode" }] }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, do: [{ call: "close", times: 2 }] }] }] },
    { ...scenario, clients: [{ acts: [{ ...act, do: [{ call: "send", with: 31 }] }] }] },
  ];
  for (const wrongOne of wrong) assert.throws(() => complete("some", wrongOne), Error, JSON.stringify(wrongOne));
});

test("the corpus is read, and large enough", async () => {
  const scenarios = await readScenarios();
  assert.ok(scenarios.length >= 60, `${scenarios.length} scenarios`);
  assert.ok(scenarios.some(({ clients }) => clients.length > 1), "some sessions wander");
});
