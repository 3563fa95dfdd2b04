/**
 * Time and timers, injected everywhere so that tests below end to end run on fake time
 * (`FakeClock` in @weft/testkit). This file and `random.ts` are the only places that may touch the real ones; a lint
 * rule says so.
 */
export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch. Can jump; never subtract two of these to measure a duration. */
  now(): number;
  /** Monotonic milliseconds with a fraction, from an arbitrary origin. */
  monotonic(): number;
  /** Calls `fn` once after `delayMs` (0 means as soon as possible). The timer does not keep the process alive. */
  setTimer(delayMs: number, fn: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason if it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  /** Does nothing if the timer has fired or was cancelled. */
  cancel(): void;
}

/** Node's longest timer; longer ones would fire at once. */
const MAX_DELAY_MS = 0x7fffffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, fn) {
    const t = setTimeout(fn, Math.min(delayMs, MAX_DELAY_MS));
    if (typeof t === 'object') t.unref();
    return { cancel: () => clearTimeout(t) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        clearTimeout(t);
        reject(signal?.reason as Error);
      };
      // Kept alive on purpose: whoever awaits a sleep is still working.
      const t = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(delayMs, MAX_DELAY_MS),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
