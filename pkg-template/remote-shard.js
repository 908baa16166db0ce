// A shard that runs in a worker, as the fleet and its user hold it.

import { firstSequences } from "./reading.js";
import { Remote } from "./remote.js";

/** Described in `fleet.d.ts`. */
export class RemoteShard extends Remote {
  #isStarted = false;

  constructor(port, most) {
    super(port, { state: { status: "idle", session: null }, most, start: () => void this.connect() });
  }

  get status() {
    return this.state.status;
  }

  get session() {
    const { session } = this.state;
    if (!session) return null;
    const before = Math.max(firstSequences(this.unread)(session.shard[0]) - 1, 0);
    return { ...session, sequence: Math.min(session.sequence, before) };
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
    this.command("reconnect");
  }

  updatePresence(...command) {
    return this.command("updatePresence", ...command);
  }

  updateVoiceState(...command) {
    return this.command("updateVoiceState", ...command);
  }

  requestGuildMembers(...command) {
    return this.command("requestGuildMembers", ...command);
  }

  requestSoundboardSounds(...command) {
    return this.command("requestSoundboardSounds", ...command);
  }

  requestChannelInfo(...command) {
    return this.command("requestChannelInfo", ...command);
  }

  send(...command) {
    return this.command("send", ...command);
  }

  sendEncoded(...command) {
    return this.command("sendEncoded", ...command);
  }

  async close({ keepSession = false } = {}) {
    this.connect();
    // Its worker may be gone, or it may be over by now.
    return this.call("close", { keepSession }).catch(() => (keepSession ? this.session : null));
  }
}
