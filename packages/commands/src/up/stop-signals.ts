import type { Clock } from '@weft/base/clock';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/**
 * One Ctrl-C arrives several times: from the terminal, from npm and from the launcher, which both pass it on. What comes
 * this soon after the first is the same one.
 */
const SAME_PRESS_MS = 700;

export interface StopSignals {
  /** Aborted when we are asked to end. */
  readonly graceful: AbortSignal;
  /** Aborted when we are asked again. */
  readonly forced: AbortSignal;
  /** As if a signal had come. */
  stop(): void;
  dispose(): void;
}

/** Listens to the signals that ask a program to end. */
export const listenForStop = (clock: Clock): StopSignals => {
  const graceful = new AbortController();
  const forced = new AbortController();
  let firstAt = 0;
  const stop = (): void => {
    if (!graceful.signal.aborted) {
      firstAt = clock.monotonic();
      graceful.abort();
    } else if (clock.monotonic() - firstAt > SAME_PRESS_MS) forced.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return {
    graceful: graceful.signal,
    forced: forced.signal,
    stop,
    dispose() {
      for (const signal of SIGNALS) process.off(signal, stop);
    },
  };
};

/** Resolves once the signal is. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
