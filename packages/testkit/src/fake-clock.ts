import type { Clock, Timer } from '@weft/base/clock';

/**
 * A clock that moves only when told. `advance` fires timers in order of their time and lets promises settle in
 * between, so that what an awaited sleep starts is seen before the next timer.
 */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #sequence = 0;
  #timers: { at: number; sequence: number; fn: () => void }[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Timers not fired yet: a test asserts 0 to show that nothing was left behind. */
  get pending(): number {
    return this.#timers.length;
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#monotonic + Math.max(0, delayMs), sequence: this.#sequence++, fn };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason as Error);
      };
      const timer = this.setTimer(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Moves both times forward. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.sequence - b.sequence)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now += next.at - this.#monotonic;
      this.#monotonic = next.at;
      next.fn();
      await settle();
    }
    this.#now += end - this.#monotonic;
    this.#monotonic = end;
  }

  /** The wall clock is set, as NTP or a suspended laptop does; monotonic time goes on. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Lets promise callbacks and immediates that are due run. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
};
