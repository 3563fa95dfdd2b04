import type { Random } from './random.ts';

/**
 * Exponential back-off with full jitter: attempt n waits a random time in [0, min(maxMs, baseMs · 2ⁿ)).
 * Envoy's retry back-off has the same form (`RetryBackOff`, default base 25 ms, maximum ten times the base).
 */
export class Backoff {
  #attempt = 0;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: Random;

  constructor(baseMs: number, maxMs: number, random: Random) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  nextMs(): number {
    const ceiling = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#attempt);
    if (ceiling < this.#maxMs) this.#attempt++;
    return this.#random() * ceiling;
  }

  reset(): void {
    this.#attempt = 0;
  }
}
