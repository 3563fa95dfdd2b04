import type { Clock } from '@weft/base/clock';
import type { LineLog } from '@weft/telemetry/log';

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly log: LineLog;
  readonly subscription: { readonly complete: boolean; readonly hasListeners: boolean };
  readonly listeners: { readonly allOpen: boolean };
}

/** Envoy's `initial_fetch_timeout`: what has not come by then is not waited for. */
const FETCH_TIMEOUT_MS = 15_000;
/** Listeners that could not be opened are tried again; this is how often it is looked. */
const LOOK_MS = 50;

/**
 * Ready when all that the first configuration names is there and all listeners are open. From then on it stays ready: a
 * control plane that goes away, or a configuration that is refused, is no reason to take traffic away.
 */
export class Readiness {
  readonly #options: ReadinessOptions;
  #ready = false;
  #looking = false;
  #listenersSinceMs: number | null = null;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** To be called after each change of the configuration; looks again by itself until ready. */
  check(): void {
    if (this.#ready) return;
    const { clock, log, subscription, listeners } = this.#options;
    if (subscription.hasListeners) this.#listenersSinceMs ??= clock.monotonic();
    const waited = this.#listenersSinceMs === null ? 0 : clock.monotonic() - this.#listenersSinceMs;
    if ((subscription.complete || waited >= FETCH_TIMEOUT_MS) && listeners.allOpen) {
      this.#ready = true;
      if (subscription.complete) log.info('ready');
      else log.warning('ready without all endpoints', { waitedMs: Math.round(waited) });
      return;
    }
    if (this.#looking) return;
    this.#looking = true;
    clock.setTimer(LOOK_MS, () => {
      this.#looking = false;
      this.check();
    });
  }
}
