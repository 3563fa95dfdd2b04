import type { Clock } from '@weft/base/clock';
import type { Probe } from '@weft/model/mesh';

/**
 * Kubernetes' three probes of a container:
 * https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
 * One difference: until something first succeeds it is tried every 200 ms, not only once per period, so that a mesh on
 * a laptop is up as soon as its programs are.
 */
export interface Probes {
  readonly startup?: Probe;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
}

/** Resolves to '' if the probe succeeds, else to what went wrong. Never rejects. */
export type Check = (probe: Probe, signal: AbortSignal) => Promise<string>;

export type HealthReport = (event: 'ready' | 'unready' | 'unhealthy', why: string) => void;

const EAGER_PERIOD_MS = 200;
/** Of who is told to end: it waits for nothing but that its probes have seen it. */
const HURRIED_PERIOD_MS = 100;

export interface ProbeWatching {
  stop(): void;
  /** From now on every 100 ms: it has been told to end, and may be waiting for a probe to see that it is not ready. */
  hurry(): void;
}

/** Probes until stopped. Without a readiness probe it is ready once it has started. */
export const watchProbes = (probes: Probes, check: Check, clock: Clock, report: HealthReport): ProbeWatching => {
  const stopped = new AbortController();
  const hurried = new AbortController();
  const watch = new ProbeWatch(check, clock, report, stopped.signal, hurried.signal);
  watch.run(probes).catch((error: unknown) => {
    if (!stopped.signal.aborted) throw error;
  });
  return { stop: () => stopped.abort(new Error('stopped')), hurry: () => hurried.abort(new Error('hurried')) };
};

class ProbeWatch {
  readonly #check: Check;
  readonly #clock: Clock;
  readonly #report: HealthReport;
  readonly #stopped: AbortSignal;
  readonly #hurried: AbortSignal;

  constructor(check: Check, clock: Clock, report: HealthReport, stopped: AbortSignal, hurried: AbortSignal) {
    this.#check = check;
    this.#clock = clock;
    this.#report = (event, why) => {
      if (!stopped.aborted) report(event, why);
    };
    this.#stopped = stopped;
    this.#hurried = hurried;
  }

  async run(probes: Probes): Promise<void> {
    if (probes.startup && !(await this.#starts(probes.startup))) return;
    await Promise.all([this.#watchReadiness(probes.readiness), this.#watchLiveness(probes.liveness)]);
  }

  /** False once it was given up on. */
  async #starts(probe: Probe): Promise<boolean> {
    const since = this.#clock.monotonic();
    const allowedMs = (probe.initialDelaySeconds + probe.failureThreshold * probe.periodSeconds) * 1000;
    await this.#initialDelay(probe);
    for (;;) {
      const failure = await this.#try(probe);
      if (failure === '') return true;
      if (this.#clock.monotonic() - since >= allowedMs) {
        this.#report('unhealthy', `startup probe: ${failure}`);
        return false;
      }
      await this.#pause(EAGER_PERIOD_MS);
    }
  }

  async #watchReadiness(probe: Probe | undefined): Promise<void> {
    if (!probe) return this.#report('ready', '');
    await this.#initialDelay(probe);
    let ready = false;
    let everReady = false;
    let successes = 0;
    let failures = 0;
    for (;;) {
      const failure = await this.#try(probe);
      successes = failure === '' ? successes + 1 : 0;
      failures = failure === '' ? 0 : failures + 1;
      if (!ready && successes >= probe.successThreshold) {
        ready = true;
        everReady = true;
        this.#report('ready', '');
      } else if (ready && failures >= probe.failureThreshold) {
        ready = false;
        this.#report('unready', `readiness probe: ${failure}`);
      }
      await this.#pause(everReady ? probe.periodSeconds * 1000 : EAGER_PERIOD_MS);
    }
  }

  async #watchLiveness(probe: Probe | undefined): Promise<void> {
    if (!probe) return;
    await this.#initialDelay(probe);
    for (let failures = 0; ; ) {
      const failure = await this.#try(probe);
      failures = failure === '' ? 0 : failures + 1;
      if (failures >= probe.failureThreshold) return this.#report('unhealthy', `liveness probe: ${failure}`);
      await this.#pause(probe.periodSeconds * 1000);
    }
  }

  async #try(probe: Probe): Promise<string> {
    const failure = await this.#check(probe, this.#stopped);
    this.#stopped.throwIfAborted();
    return failure;
  }

  #initialDelay(probe: Probe): Promise<void> {
    return probe.initialDelaySeconds > 0 ? this.#pause(probe.initialDelaySeconds * 1000) : Promise.resolve();
  }

  async #pause(ms: number): Promise<void> {
    if (this.#hurried.aborted) return this.#clock.sleep(Math.min(ms, HURRIED_PERIOD_MS), this.#stopped);
    try {
      await this.#clock.sleep(ms, AbortSignal.any([this.#stopped, this.#hurried]));
    } catch (error) {
      if (this.#stopped.aborted) throw error;
    }
  }
}
