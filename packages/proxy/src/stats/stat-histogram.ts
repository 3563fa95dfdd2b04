import { DEFAULT_BUCKETS } from '@weft/telemetry/metrics';

/** Envoy's histograms in their default buckets. Its memory is taken with the first measurement. */
export class StatHistogram {
  /** One more than there are bounds: the last is for what exceeds them all. Not cumulative. */
  #counts: Uint32Array | null = null;
  #sum = 0;

  static readonly bounds: readonly number[] = DEFAULT_BUCKETS;

  /** A scan from below: most measurements fall into the first buckets. */
  record(value: number): void {
    const bounds = StatHistogram.bounds;
    this.#counts ??= new Uint32Array(bounds.length + 1);
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += value;
  }

  get counts(): Uint32Array | null {
    return this.#counts;
  }

  get sum(): number {
    return this.#sum;
  }
}
