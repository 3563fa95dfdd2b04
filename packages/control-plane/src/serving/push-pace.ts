import type { Clock, Timer } from '@weft/base/clock';

/** After work that took t, at least this times t belongs to everything else: answers, handshakes, the applications. */
const REST = 2;
/** A change waits no longer than this, however dear pushes have become. */
const MAX_WAIT_MS = 500;

/**
 * Does work when it is asked to: at once while there is little to do, and when it is asked faster than the work takes,
 * in turns, of which each does what was asked for meanwhile. So one change is not delayed at all, and a hundred a second
 * cost a third of a core at most, not all of it.
 */
export class PushPace<Job> {
  readonly #clock: Clock;
  readonly #work: (job: Job) => void;
  readonly #merge: (waiting: Job, next: Job) => Job;
  #waiting: { job: Job; timer: Timer } | undefined;
  /** Monotonic ms; not before. */
  #nextAt = 0;

  /** `merge`: one job that does what both would. */
  constructor(clock: Clock, work: (job: Job) => void, merge: (waiting: Job, next: Job) => Job) {
    this.#clock = clock;
    this.#work = work;
    this.#merge = merge;
  }

  ask(job: Job): void {
    if (this.#waiting) {
      this.#waiting.job = this.#merge(this.#waiting.job, job);
      return;
    }
    const waitMs = this.#nextAt - this.#clock.monotonic();
    if (waitMs <= 0) return this.#run(job);
    this.#waiting = { job, timer: this.#clock.setTimer(waitMs, () => this.#turn()) };
  }

  close(): void {
    this.#waiting?.timer.cancel();
    this.#waiting = undefined;
  }

  #turn(): void {
    const { job } = this.#waiting ?? {};
    this.#waiting = undefined;
    if (job !== undefined) this.#run(job);
  }

  #run(job: Job): void {
    const startedAt = this.#clock.monotonic();
    try {
      this.#work(job);
    } finally {
      const endedAt = this.#clock.monotonic();
      this.#nextAt = endedAt + Math.min(MAX_WAIT_MS, REST * (endedAt - startedAt));
    }
  }
}
