import { type Clock, systemClock } from '@weft/base/clock';

/** Resolves, or returns, if the dependency can be used. Throws, or returns false, if it cannot. */
export type Check = (signal: AbortSignal) => unknown;

export interface CheckOptions {
  /** A check that takes longer counts as failed; its signal is aborted. Default 1 s. */
  readonly timeoutMs?: number;
  /** An answer is good for so long: probes of many pods must not be a load. Default 1 s; 0 asks each time. */
  readonly cacheMs?: number;
  readonly clock?: Clock;
}

export interface DependencyState {
  readonly state: 'up' | 'down';
  /** How long the check took, in ms. */
  readonly ms: number;
  /** Why it is down. */
  readonly error?: string;
}

/** One dependency's state, asked at most once at a time and once per `cacheMs`. Never rejects. */
export class DependencyCheck {
  readonly name: string;
  readonly #check: Check;
  readonly #timeoutMs: number;
  readonly #cacheMs: number;
  readonly #clock: Clock;
  #last: { readonly at: number; readonly state: DependencyState } | null = null;
  #running: Promise<DependencyState> | null = null;

  constructor(name: string, check: Check, options: CheckOptions = {}) {
    this.name = name;
    this.#check = check;
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#cacheMs = options.cacheMs ?? 1_000;
    this.#clock = options.clock ?? systemClock;
  }

  state(): Promise<DependencyState> {
    if (this.#last && this.#clock.monotonic() - this.#last.at < this.#cacheMs) return Promise.resolve(this.#last.state);
    this.#running ??= this.#ask().then((state) => {
      this.#last = { at: this.#clock.monotonic(), state };
      this.#running = null;
      return state;
    });
    return this.#running;
  }

  async #ask(): Promise<DependencyState> {
    const started = this.#clock.monotonic();
    const ms = (): number => Math.round(this.#clock.monotonic() - started);
    try {
      await this.#withTimeout();
      return { state: 'up', ms: ms() };
    } catch (error) {
      return { state: 'down', ms: ms(), error: error instanceof Error ? error.message : String(error) };
    }
  }

  #withTimeout(): Promise<void> {
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(this.#timeoutMs, () => {
        const error = new Error(`no answer in ${this.#timeoutMs} ms`);
        reject(error);
        controller.abort(error);
      });
      const run = async (): Promise<void> => {
        if ((await this.#check(controller.signal)) === false) throw new Error('the check says no');
      };
      run()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}
