// A fleet that runs in a SharedWorker, as each tab holds it. Knows the fleet by what its worker says of it.

import { giveCommands } from "./commands.js";
import { ShardwireError } from "./error.js";
import { healthOf } from "./health.js";
import { Remote } from "./remote.js";
import { shardForGuild } from "./shard-set.js";

/** How often a tab says that it is there. Hidden ones are woken once a minute. */
const BEAT_MS = 15_000;
/** Beats in a row that nobody answers, after which the worker counts as gone. A frozen tab counts none. */
const UNANSWERED = 8;

/** Described in `shared-worker.d.ts`. */
export function joinFleet(port, greeting) {
  return new SharedFleet(port, greeting);
}

class SharedFleet extends Remote {
  #joined;
  #isJoined;
  #unanswered = 0;
  /** Ends what the host tells. */
  #left = new AbortController();

  constructor(port, greeting) {
    super(port, { state: { total: null, recommendedInstead: null, shards: [] } });
    this.#joined = new Promise((resolve, reject) => (this.#isJoined = { resolve, reject }));
    // Nobody has to wait for it.
    this.#joined.catch(() => {});
    this.onProgress = () => this.#isJoined.resolve();
    this.onOver = (error) => {
      clearInterval(beating);
      this.#left.abort();
      this.#isJoined.reject(error);
    };
    const beating = setInterval(() => this.#beat(), BEAT_MS);
    // Of Node.js: it is no reason to stay.
    beating.unref?.();
    const { signal } = this.#left;
    const page = globalThis.document?.defaultView;
    page?.addEventListener("pagehide", () => this.tell(["leave"]), { signal });
    // One that comes back by the history is the same as it was.
    page?.addEventListener("pageshow", () => this.tell(["here"]), { signal });
    this.tell(["join", greeting]);
  }

  get total() {
    return this.state.total;
  }

  get numbers() {
    return this.state.shards.map(([number]) => number);
  }

  get recommendedInstead() {
    return this.state.recommendedInstead;
  }

  connect() {
    return this.#joined;
  }

  get ready() {
    return this.command("ready");
  }

  health() {
    return healthOf(this.state.shards.map(([, status]) => status));
  }

  shard(number) {
    return this.numbers.includes(number) ? new SharedShard(this, number) : undefined;
  }

  forGuild(guildId) {
    if (this.total === null) throw new ShardwireError("stopped", "expected a fleet that was started");
    return shardForGuild(this, guildId);
  }

  infos() {
    return this.call("infos");
  }

  updatePresence(...command) {
    return this.command("updatePresence", ...command);
  }

  start(number, options) {
    return this.call("start", number, options);
  }

  stop(number, options) {
    return this.call("stop", number, options);
  }

  restart(number) {
    return this.call("restart", number);
  }

  reshard(selection) {
    return this.call("reshard", selection);
  }

  end(options) {
    return this.call("end", options);
  }

  async close() {
    if (this.isOver) return;
    this.tell(["leave"]);
    this.leave({ message: "this tab has left the fleet" });
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }

  // Below: nothing that a user calls.

  hear(message) {
    this.#unanswered = 0;
    super.hear(message);
  }

  #beat() {
    this.#unanswered += 1;
    if (this.#unanswered <= UNANSWERED) return this.tell(["here"]);
    this.leave({ failure: new ShardwireError("unavailable", "the worker does not answer any more; expected it to be joined anew") });
  }
}

/** A shard of such a fleet, to be spoken to. */
class SharedShard {
  static {
    giveCommands(this);
  }

  #fleet;
  #number;

  constructor(fleet, number) {
    this.#fleet = fleet;
    this.#number = number;
  }

  get status() {
    const [, status] = this.#fleet.state.shards.find(([number]) => number === this.#number) ?? [];
    return status ?? "stopped";
  }

  info() {
    return this.#fleet.call("shard", this.#number, "info");
  }

  reconnect() {
    void this.command("reconnect");
  }

  command(...command) {
    return this.#fleet.command("shard", this.#number, ...command);
  }
}
