// A shard that runs in a worker, as the fleet and its user hold it.

import { giveCommands } from "./commands.js";
import { beforeUnread } from "./handed.js";
import { Remote } from "./remote.js";

/** Described in `fleet.d.ts`. */
export class RemoteShard extends Remote {
  static {
    giveCommands(this);
  }

  #number;
  #isStarted = false;

  /** `options` are those of the shard. */
  constructor(port, { shard, session = null, limits }) {
    super(port, { state: { status: "idle", session }, most: limits?.waitingEvents, start: () => void this.connect() });
    this.#number = shard[0];
  }

  get status() {
    return this.state.status;
  }

  get session() {
    return beforeUnread(this.state.session, this.unread);
  }

  connect() {
    if (!this.#isStarted) this.tell(["connect"]);
    this.#isStarted = true;
    return this;
  }

  info() {
    return this.call("info");
  }

  reconnect() {
    void this.command("reconnect");
  }

  async close({ keepSession = false } = {}) {
    const closed = this.call("close", { keepSession });
    // Not sooner, or it would open a connection. One that was never started has to be read to its end.
    this.connect();
    // Its worker may be gone, or it may be over by now.
    return closed.catch(() => (keepSession ? this.session : null));
  }

  disconnect() {
    return this.close({ keepSession: true });
  }

  /** Its worker is gone. */
  lose(message) {
    const event = { type: "stopped", reason: { code: "worker-lost", message } };
    this.leave({ events: [[this.#number, null, null, event]], state: { ...this.state, status: "stopped" }, message });
  }
}
