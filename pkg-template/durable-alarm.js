// The one alarm that a Durable Object has, for the shard, which needs one again and again, and for the user. Knows no shard.

/** As often as the host itself tries an alarm again, and its first pause, which doubles. */
const TRIES = 6;
const PAUSE_MS = 2_000;

export class DurableAlarm {
  /** Between two alarms while a shard is wanted. */
  everyMs;
  #storage;
  #record;

  constructor(storage, record, everyMs) {
    this.#storage = storage;
    this.#record = record;
    this.everyMs = everyMs;
  }

  /** Sets the alarm to what comes first. */
  async arm() {
    const { isWanted, notBefore, alarm } = this.#record.value;
    const times = [];
    if (isWanted) times.push(Math.max(Date.now() + this.everyMs, notBefore));
    if (alarm) times.push(alarm.at);
    if (times.length > 0) await this.#storage.setAlarm(Math.min(...times));
    else await this.#storage.deleteAlarm();
  }

  /** Sets the alarm again if somebody took it away. */
  async look() {
    const at = await this.#storage.getAlarm();
    if (at === null || at > Date.now() + this.everyMs) await this.arm();
  }

  /** When the user wants to be woken up; `null`: not at all. */
  async wish(at) {
    const record = await this.#record.read();
    record.alarm = at === null ? null : { at: Number(at), tries: 0 };
    await this.#record.write();
    await this.arm();
  }

  /** Calls the user's method if it is time, at least once, as the host does with alarms. */
  async ring(call, report) {
    const record = this.#record.value;
    const { alarm } = record;
    if (!alarm || alarm.at > Date.now()) return;
    const { tries } = alarm;
    let next = null;
    try {
      await call({ retryCount: tries, isRetry: tries > 0 });
    } catch (error) {
      report(error);
      if (tries < TRIES) next = { at: Date.now() + PAUSE_MS * 2 ** tries, tries: tries + 1 };
    }
    // The method may have set another.
    if (record.alarm === alarm) record.alarm = next;
    await this.#record.write();
    await this.arm();
  }
}
