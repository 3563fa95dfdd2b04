import type { Environment } from './client-connect.ts';

/** Answers that went through Envoy or a sidecar of ours say so. */
const isFromMesh = (headers: Headers): boolean =>
  headers.has('x-envoy-upstream-service-time') || /\b(envoy|weft)\b/.test(headers.get('server') ?? '');

/**
 * Warns, once, when application and mesh would both retry: attempts multiply (three by three are nine), and a service in
 * trouble gets them all. The mesh is known by `WEFT_READY_URL`, or by its answers.
 */
export class DoubleRetryWarning {
  readonly #warn: (message: string) => void;
  readonly #retries: number;
  #done = false;

  /** `retries`: of the application, after the first attempt. */
  constructor(retries: number, env: Environment, warn: (message: string) => void) {
    this.#retries = retries;
    this.#warn = warn;
    if (env.WEFT_READY_URL) this.#give('WEFT_READY_URL is set');
  }

  onAnswer(headers: Headers): void {
    if (!this.#done && this.#retries > 0 && isFromMesh(headers)) this.#give('an answer came through it');
  }

  #give(evidence: string): void {
    if (this.#done || this.#retries === 0) return;
    this.#done = true;
    this.#warn(
      `this client retries up to ${this.#retries} times, and so does the mesh that it is in (${evidence}; its default is 2): attempts multiply. ` +
        'Leave retries to the mesh, or set attempts: 0 in the route',
    );
  }
}
