import type { Clock, Timer } from '@weft/base/clock';
import type { Random } from '@weft/base/random';

/** When a certificate is valid, in ms since the epoch. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Renewal falls at a random point of this part of what is left, so that a fleet started together spreads out. */
const EARLIEST = 0.5;
const LATEST = 0.8;
/** Timers run on monotonic time, certificates on the wall clock, which jumps: so it is looked at this often. */
const MAX_WAIT_MS = 60_000;

/**
 * When to renew a certificate obtained at `obtainedMs`. Counted from then, not from `notBefore`: that is backdated, which
 * for short lifetimes is most of the span.
 */
export const renewalTime = (obtainedMs: number, notAfterMs: number, random: Random): number =>
  obtainedMs + (notAfterMs - obtainedMs) * (EARLIEST + (LATEST - EARLIEST) * random());

/**
 * Calls `renew` once when the wall clock has reached `dueMs`, at most a minute late however the clock was set
 * meanwhile; at once if the clock was set to before `notBeforeMs`, where the certificate is not valid any more.
 */
export const scheduleRenewal = (clock: Clock, validity: Validity, dueMs: number, renew: () => void): Timer => {
  let timer: Timer | undefined;
  const check = (): void => {
    const now = clock.now();
    if (now >= dueMs || now < validity.notBeforeMs) renew();
    else timer = clock.setTimer(Math.min(MAX_WAIT_MS, dueMs - now), check);
  };
  timer = clock.setTimer(Math.min(MAX_WAIT_MS, Math.max(0, dueMs - clock.now())), check);
  return { cancel: () => timer?.cancel() };
};
