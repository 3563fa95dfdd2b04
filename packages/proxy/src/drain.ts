import type { Clock } from '@weft/base/clock';
import type { LineLog } from '@weft/telemetry/log';
import type { Scope } from './listener-set.ts';

export interface DrainOptions {
  readonly clock: Clock;
  readonly log: LineLog;
  readonly listeners: { drain(scope: Scope): void; stop(scope: Scope): Promise<void> };
  /** Between "not ready" and the last accepted connection when the process ends, in ms: until everybody has heard. */
  readonly acceptMs: number;
  /** Then how long requests in flight may take, in ms. */
  readonly finishMs: number;
}

/** Of `/drain_listeners?graceful`: Istio's `--drain-time-s`. */
export const DRAIN_TIME_MS = 45_000;

/**
 * How a proxy takes leave, in this order: it says that it is not ready; it goes on accepting, while every answer asks its
 * client to close the connection, until load balancers have heard; it accepts no more; it finishes what is in flight.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining, and Istio's
 * `terminationDrainDuration` for the wait.
 */
export class Drain {
  readonly #options: DrainOptions;
  /** By `/healthcheck/fail`. */
  #failed = false;
  #scope: Scope = 'none';
  #leaving: Promise<void> | null = null;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Not ready any more. */
  get draining(): boolean {
    return this.#failed || this.#scope !== 'none';
  }

  /** Envoy's `/healthcheck/fail` and `/healthcheck/ok`: not ready for as long as somebody wants, and back. */
  failHealthCheck(failed: boolean): void {
    this.#failed = failed;
    this.#tell();
  }

  /**
   * Envoy's `/drain_listeners`: at once, or `graceful`: after a while in which clients are asked to leave; `skipExit`: it
   * stays with the asking.
   */
  listeners(scope: Scope, graceful: boolean, skipExit: boolean): void {
    const { clock, log, listeners } = this.#options;
    log.info('draining listeners', { scope, graceful });
    this.#scope = this.#scope === 'all' ? 'all' : scope;
    this.#tell();
    if (!graceful) void listeners.stop(scope);
    else if (!skipExit) clock.setTimer(DRAIN_TIME_MS, () => void listeners.stop(scope));
  }

  /** Before the process ends. Resolves when the last request is answered, or has had its time. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const { clock, listeners, acceptMs, finishMs } = this.#options;
    this.#scope = 'all';
    this.#tell();
    if (acceptMs > 0) await clock.sleep(acceptMs);
    await Promise.race([listeners.stop('all'), clock.sleep(finishMs)]);
  }

  #tell(): void {
    this.#options.listeners.drain(this.#failed ? 'all' : this.#scope);
  }
}
