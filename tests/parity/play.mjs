// Plays one plan in whatever JavaScript runtime this is loaded into, and gives what its user saw, as plain JSON. Knows web
// standards and the package it is handed; never a host, never what is right. README.md says what a plan is.

/** Longer than anything takes on a busy machine. A play that hangs is told apart from one that is slow. */
const DEADLINE_MS = 90_000;
/** Between two looks at the status, for which the package has no event once nobody reads. */
const LOOK_MS = 5;

/** Calls that a plan may ask for: methods of a shard, and functions of `shardwire/requests`. */
export const COMMANDS = [
  "updatePresence",
  "updateVoiceState",
  "requestGuildMembers",
  "requestSoundboardSounds",
  "requestChannelInfo",
  "send",
  "sendEncoded",
];
export const QUESTIONS = ["fetchMembers", "fetchSoundboardSounds", "fetchChannelInfo", "joinVoice", "leaveVoice"];

/**
 * `task` is `{ plan, url, token, session }`, `session` being what the play before gave, or `null`. `shardwire` is
 * `{ main, requests, discover, WebSocket }`: modules of the package, and a WebSocket class where the host has none.
 * Rejects with what was seen so far if the shard has not stopped in time.
 */
export async function play(task, shardwire) {
  const seen = { events: [], outcomes: {}, notes: {}, hooks: {}, session: null, info: null, undone: [] };
  let shard;
  try {
    shard = new shardwire.main.Shard(optionsOf(task, shardwire, seen.hooks));
  } catch (error) {
    return { ...seen, refused: codeOf(error) };
  }
  const player = new Player(task, shardwire, shard, seen);
  let alarm;
  const deadline = new Promise((_, reject) => {
    alarm = setTimeout(() => {
      reject(new Error(`the play did not end; seen so far: ${JSON.stringify(player.seen())}`));
      shard.close();
    }, DEADLINE_MS);
  });
  try {
    return await Promise.race([player.play(), deadline]);
  } finally {
    clearTimeout(alarm);
  }
}

class Player {
  #task;
  #shardwire;
  #shard;
  #seen;
  /** Acts that have not come due. */
  #acts;
  /** How often each thing happened. */
  #counts = new Map();
  /** What is still to be settled. */
  #open = [];
  /** Of each name, what takes it back. */
  #controllers = new Map();
  #closed = null;

  constructor(task, shardwire, shard, seen) {
    this.#task = task;
    this.#shardwire = shardwire;
    this.#shard = shard;
    this.#seen = seen;
    this.#acts = task.plan.acts;
  }

  async play() {
    await this.#happen("start");
    for await (const event of this.#shard) {
      this.#seen.events.push(toJson(event, this.#task.plan.data));
      for (const what of namesOf(event)) await this.#happen(what);
    }
    // Settling one thing may begin another.
    while (this.#open.length > 0) await Promise.all(this.#open.splice(0));
    if (this.#closed) this.#seen.session = await this.#closed;
    return this.seen();
  }

  seen() {
    return { ...this.#seen, info: noted(this.#shard), undone: this.#acts.map(({ on }) => on) };
  }

  /** Counts something, and does what is due then. */
  async #happen(what) {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    const isDue = ({ on }) => Object.entries(on).every(([name, times]) => (this.#counts.get(name) ?? 0) >= times);
    const due = this.#acts.filter(isDue);
    this.#acts = this.#acts.filter((act) => !due.includes(act));
    for (const { do: calls } of due) {
      for (const call of calls) await this.#perform(call);
    }
  }

  #perform(step) {
    const { call, with: given = [], times = 1 } = step;
    if (COMMANDS.includes(call)) {
      for (let nth = 0; nth < times; nth++) this.#command(step);
    } else if (QUESTIONS.includes(call)) {
      this.#question(step);
    } else if (call === "discoverGateway") {
      this.#discover(step);
    } else {
      return this.#steer(call, given);
    }
  }

  /** A refusal at once is told apart from one that comes later. */
  #command({ call, with: given = [], how = {}, as = call }) {
    const options = { ...how, signal: this.#signal(as) };
    const outcomes = this.#outcomesOf(as);
    try {
      const sending = this.#shard[call](...given.map(fromHex), options);
      this.#settle(as, outcomes, sending.then(() => "sent"));
    } catch (error) {
      outcomes.push(`thrown ${codeOf(error)}`);
    }
  }

  #question({ call, with: given = [], how = {}, as = call }) {
    const progress = [];
    const onProgress = ({ received, expected }) => progress.push([received, expected]);
    const options = { ...how, onProgress, signal: this.#signal(as) };
    const answer = this.#shardwire.requests[call](this.#shard, ...given, options);
    const toPlain = (value) => (value instanceof Map ? Object.fromEntries(value) : value);
    this.#settle(as, this.#outcomesOf(as), answer.then((value) => ({ answer: toPlain(value), progress })));
  }

  #discover({ with: [{ token, url, path = "/api/v10" } = {}] = [], as = "discoverGateway" }) {
    const asked = { url: url ?? this.#task.url.replace("ws:", "http:") + path };
    if (token !== undefined) asked.token = token === "ours" ? this.#task.token : token;
    const answer = this.#shardwire.discover.discoverGateway(asked);
    this.#settle(as, this.#outcomesOf(as), answer.then((value) => ({ answer: value })));
  }

  /** Each outcome has its place from the start, as they may come in another order on another host. */
  #settle(as, outcomes, promise) {
    const place = outcomes.push("open") - 1;
    const settled = promise.then(
      (outcome) => (outcomes[place] = outcome),
      (error) => (outcomes[place] = `rejected ${codeOf(error)}`),
    );
    this.#open.push(settled.then(() => this.#happen(`settled ${as}`)));
  }

  #steer(call, [argument]) {
    const shard = this.#shard;
    if (call === "abort") this.#controllers.get(argument).abort();
    else if (call === "close") this.#closed = shard.close(argument);
    else if (call === "disconnect") this.#closed = shard.disconnect();
    else if (call === "reconnect") shard.reconnect();
    else if (call === "resetCounters") shard.resetCounters();
    else if (call === "note") this.#seen.notes[argument] = noted(shard);
    else if (call === "hold") return hold(shard, argument);
    else throw new Error(`no such call: ${call}`);
  }

  #signal(as) {
    const controller = new AbortController();
    this.#controllers.set(as, controller);
    return controller.signal;
  }

  #outcomesOf(as) {
    return (this.#seen.outcomes[as] ??= []);
  }
}

function optionsOf({ plan, url, token, session }, { WebSocket }, told) {
  const options = { url, token, ...plan.options };
  if (plan.session) options.session = session;
  if (WebSocket) options.WebSocket = WebSocket;
  const { presence, beforeConnect, tap } = plan.hooks ?? {};
  if (presence) {
    told.presence = [];
    options.presence = (shard) => presence[Math.min(told.presence.push([...shard]), presence.length) - 1];
  }
  if (beforeConnect) {
    told.beforeConnect = [];
    options.beforeConnect = (plan) => {
      const { url, properties, isResume, attempt } = plan;
      const nth = told.beforeConnect.push({ url, properties: { ...properties }, isResume, attempt });
      Object.assign(plan, beforeConnect[nth - 1]);
    };
  }
  if (tap) {
    options.tap = (text) => tap.find(({ contains }) => text.includes(contains))?.answer;
  }
  return options;
}

/** Reads nothing, but lets the shard go on, until it has this status, `idle` not counting before it began. */
async function hold(shard, status) {
  shard.connect();
  while (shard.info().connectionId === 0 || shard.status !== status) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** By what names an act may wait for an event. */
function namesOf({ type, name, sequence, status, code }) {
  if (type === "dispatch") return [`dispatch ${name}`, `sequence ${sequence}`];
  if (type === "status") return [`status ${status}`];
  return type === "notice" ? [`notice ${code}`] : [type];
}

function toJson(event, withData) {
  if (event.type !== "dispatch") return { ...event };
  const { type, shardId, name, sequence, data } = event;
  const raw = typeof event.raw === "string" ? event.raw : new TextDecoder("utf-8", { ignoreBOM: true }).decode(event.raw);
  return { type, shardId, name, sequence, raw, ...(withData ? { data } : {}) };
}

/** What `info()` says; the order of the events' names counts too. */
function noted(shard) {
  const info = shard.info();
  return { ...info, events: Object.entries(info.events) };
}

/** An encoded message that is no text is given as `{ hex }`. */
function fromHex(value) {
  if (typeof value?.hex !== "string") return value;
  return Uint8Array.from(value.hex.match(/../g), (pair) => parseInt(pair, 16));
}

function codeOf(error) {
  return error?.name === "ShardwireError" ? error.code : `${error}`;
}
