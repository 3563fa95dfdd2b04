import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Check, type CheckOptions, DependencyCheck, type DependencyState } from './dependency-checks.ts';

/** Where a service is in its life. Only `ready` gets requests. */
export type Life = 'starting' | 'ready' | 'stopping';

export interface HealthOptions extends CheckOptions {
  /** What it cannot work without, by name. */
  readonly checks?: Readonly<Record<string, Check>>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly life: Life;
  readonly dependencies: Readonly<Record<string, DependencyState>>;
}

/**
 * Answers what a kubelet asks
 * (https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/):
 * `/healthz` and `/health`: 200 as long as this process answers at all; dependencies do not count, or a database that is down would have every pod restarted.
 * `/readyz` and `/ready`: 200 if it is ready and everything it needs is up, else 503 with the state of each.
 * `/startupz`: 503 until it has been ready once.
 */
export class Health {
  #life: Life = 'starting';
  #started = false;
  readonly #checks: DependencyCheck[] = [];
  readonly #options: HealthOptions;
  /** How often `/readyz` has said that it is stopping, and who waits for how many of it. */
  #seen = 0;
  readonly #waiting: { readonly times: number; readonly done: () => void }[] = [];

  constructor(options: HealthOptions = {}) {
    this.#options = options;
    for (const [name, check] of Object.entries(options.checks ?? {})) this.addCheck(name, check);
  }

  get life(): Life {
    return this.#life;
  }

  /** `options` win over those of all checks. */
  addCheck(name: string, check: Check, options: CheckOptions = {}): void {
    this.#checks.push(new DependencyCheck(name, check, { ...this.#options, ...options }));
  }

  /** It can serve now. Too late once it is stopping. */
  markReady(): void {
    if (this.#life === 'stopping') return;
    this.#life = 'ready';
    this.#started = true;
  }

  /** It serves what still comes, and wants no more. */
  markStopping(): void {
    this.#life = 'stopping';
  }

  /** Resolves when `/readyz` has said so many times that it is stopping. */
  seenStopping(times: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ times, done: resolve });
      this.#tell();
    });
  }

  #tell(): void {
    for (const { times, done } of this.#waiting) if (this.#seen >= times) done();
  }

  async readiness(): Promise<Readiness> {
    const states = await Promise.all(this.#checks.map((check) => check.state()));
    const dependencies = Object.fromEntries(this.#checks.map(({ name }, index) => [name, states[index]]));
    // Asked after the checks: it may have begun to stop meanwhile.
    const ready = this.#life === 'ready' && states.every(({ state }) => state === 'up');
    return { ready, life: this.#life, dependencies: dependencies as Record<string, DependencyState> };
  }

  /** True if the request was for it, and is answered. */
  handle(request: Pick<IncomingMessage, 'url' | 'method'>, response: ServerResponse): boolean {
    if (request.method !== undefined && request.method !== 'GET' && request.method !== 'HEAD') return false;
    switch (request.url?.split('?', 1)[0]) {
      case '/healthz':
      case '/health':
        answer(response, true, { alive: true });
        return true;
      case '/startupz':
        answer(response, this.#started, { started: this.#started });
        return true;
      case '/readyz':
      case '/ready':
        void this.readiness().then((readiness) => {
          answer(response, readiness.ready, readiness);
          if (readiness.life !== 'stopping') return;
          this.#seen++;
          this.#tell();
        });
        return true;
      default:
        return false;
    }
  }
}

const answer = (response: ServerResponse, ok: boolean, body: object): void => {
  response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
};
