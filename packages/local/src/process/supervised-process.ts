import { Backoff } from '@weft/base/backoff';
import type { Clock, Timer } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import { type Effect, initialState, type ProcessEvent, type ProcessState, transition } from './process-state.ts';
import { type Child, describeExit, type ExitStatus, type ProcessSpec, type Spawner } from './spawner.ts';

/** First and longest pause before a process that ended is started again. Kubernetes: 10 s to 5 min. */
const BACK_OFF_MS = { base: 500, max: 20_000 };
/** A process that ran this long has recovered: its back-off starts from the beginning again. */
const STABLE_MS = 10_000;

/** Watches over a process until stopped; `hurry` once it has been told to end. */
export type WatchHealth = (report: (event: 'ready' | 'unready' | 'unhealthy', why: string) => void) => {
  stop(): void;
  hurry(): void;
};

export interface SupervisedOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly spawner: Spawner;
  /** Called before each start; what it throws counts as an end of the process (`not-started`). */
  readonly prepare: () => ProcessSpec;
  /** Called when the process has been started, stopped when it has ended. */
  readonly watchHealth: WatchHealth;
  readonly onLine: (line: string) => void;
  readonly onChange: (change: ProcessChange) => void;
}

export interface ProcessChange {
  readonly state: ProcessState;
  /** What happened, for people: `started (pid 4711)`, `exit status 1; starts again in 0.3 s`. Empty: nothing to say. */
  readonly note: string;
}

/** Keeps one process running until told to stop: restarts with back-off, health, a grace period at the end. */
export class SupervisedProcess {
  readonly name: string;
  readonly #options: SupervisedOptions;
  readonly #backoff: Backoff;
  #state: ProcessState = initialState;
  #child: Child | null = null;
  #graceMs = 0;
  #timer: Timer | null = null;
  #watching: ReturnType<WatchHealth> | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
    this.#backoff = new Backoff(BACK_OFF_MS.base, BACK_OFF_MS.max, options.random);
  }

  get state(): ProcessState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state.kind === 'running' && this.#state.ready;
  }

  /** 0 while none runs. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    this.#handle({ kind: 'start' }, '');
  }

  /** Resolves when it has ended. `force` kills at once. */
  stop(force = false): Promise<void> {
    this.#handle({ kind: force ? 'force-stop' : 'stop' }, '');
    if (this.#state.kind === 'idle') return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #handle(event: ProcessEvent, note: string): void {
    const before = this.#state;
    const { state, effects } = transition(before, event);
    if (state === before && effects.length === 0) return;
    this.#state = state;
    if (state.kind !== before.kind) {
      this.#timer?.cancel();
      this.#timer = null;
    }
    if (state.kind === 'stopping') this.#watching?.hurry();
    else if (state.kind !== 'running') {
      this.#watching?.stop();
      this.#watching = null;
    }
    const notes = [note, ...effects.map((effect) => this.#carryOut(effect))].filter((n) => n !== '');
    this.#options.onChange({ state: this.#state, note: notes.join('; ') });
    if (this.#state.kind === 'idle') {
      for (const resolve of this.#waiters.splice(0)) resolve();
    }
  }

  #carryOut(effect: Effect): string {
    switch (effect) {
      case 'spawn':
        return this.#spawn();
      case 'terminate':
        this.#arm(this.#graceMs, { kind: 'grace-over' }, 'did not end in time');
        this.#child?.terminate();
        return '';
      case 'kill':
        this.#child?.kill();
        return '';
      case 'wait-back-off': {
        const pauseMs = this.#backoff.nextMs();
        this.#arm(pauseMs, { kind: 'back-off-over' }, '');
        return `starts again in ${(pauseMs / 1000).toFixed(1)} s`;
      }
      case 'reset-back-off':
        this.#backoff.reset();
        return '';
    }
  }

  #spawn(): string {
    let spec: ProcessSpec;
    try {
      spec = this.#options.prepare();
    } catch (error) {
      const status: ExitStatus = { kind: 'not-started', message: (error as Error).message };
      this.#options.clock.setTimer(0, () => this.#exited(null, status));
      return '';
    }
    this.#graceMs = spec.graceMs;
    const child: Child = this.#options.spawner.spawn(spec, {
      onLine: (line) => this.#options.onLine(line),
      onExit: (status) => this.#exited(child, status),
    });
    this.#child = child;
    if (child.pid === 0) return '';
    this.#arm(STABLE_MS, { kind: 'stable' }, '');
    this.#watching = this.#options.watchHealth((event, why) => this.#handle({ kind: event }, why));
    return `started (pid ${child.pid})`;
  }

  #exited(child: Child | null, status: ExitStatus): void {
    if (child !== this.#child) return;
    this.#child = null;
    const expected = this.#state.kind === 'stopping' && this.#state.then === 'idle';
    this.#handle({ kind: 'exited', status }, expected ? '' : describeExit(status));
  }

  #arm(delayMs: number, event: ProcessEvent, note: string): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#handle(event, note));
  }
}
