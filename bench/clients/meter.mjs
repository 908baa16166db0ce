// What every client on a desk is measured by: its job, what it counts, and the line of JSON that it tells at the end. Knows no
// client.
import process from "node:process";

/** What this client is to do, as `cargo xtask bench` says it. */
export const job = JSON.parse(process.argv[2]);

/** Counts events, and takes the process's time where the burst begins, where it ends, and at the last event. */
export class Meter {
  #count = 0;
  #ready = 0;
  #burst = 0;
  #began = 0;
  #received = job.times ? [] : null;

  /** Counts the event with this sequence number. */
  saw(sequence) {
    this.#count += 1;
    if (sequence === 1) this.#ready = used();
    if (sequence === job.burst) {
      this.#burst = used();
      this.#began = performance.now();
    } else if (this.#received && sequence > job.burst) {
      this.#received.push(Math.round((performance.timeOrigin + performance.now()) * 1000));
    }
    if (sequence === job.last) this.#tell(sequence);
  }

  #tell(sequence) {
    const cpu = used() - this.#burst;
    tell({
      count: this.#count,
      sequence,
      burst_us: this.#burst - this.#ready,
      cpu_us: cpu,
      wall_us: Math.round((performance.now() - this.#began) * 1000),
      received: this.#received ?? [],
    });
  }
}

/** Tells the harness, which then looks at this process's memory and ends its input. */
export function tell(result) {
  console.log(JSON.stringify(result));
}

/** Tells that all idle shards are ready, once `count` calls were made. */
export function idleGauge(count = job.idle) {
  let ready = 0;
  return () => {
    ready += 1;
    if (ready === count) tell({ ready });
  };
}

/** Microseconds that the process has used so far, on all its threads. */
export function used() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

process.stdin.once("end", () => process.exit(0));
process.stdin.resume();
