/**
 * A quantile from the buckets of a histogram, as Prometheus' `histogram_quantile` has it: linear within the bucket that
 * the rank falls into; the first bucket begins at 0; a rank in the bucket without bound gives the highest bound.
 * https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 *
 * @param q in [0, 1]
 * @param bounds upper bounds, rising; the last may be Infinity
 * @param cumulative how many measurements each bucket and those below it hold
 * @returns NaN where nothing was measured
 */
export const histogramQuantile = (q: number, bounds: ArrayLike<number>, cumulative: ArrayLike<number>): number => {
  const last = bounds.length - 1;
  const total = cumulative[last] ?? 0;
  if (!(total > 0)) return Number.NaN;
  const rank = q * total;
  let bucket = 0;
  while (bucket < last && (cumulative[bucket] as number) < rank) bucket++;
  const upper = bounds[bucket] as number;
  if (upper === Infinity) return bucket === 0 ? Number.NaN : (bounds[bucket - 1] as number);
  const lower = bucket === 0 ? 0 : (bounds[bucket - 1] as number);
  const below = bucket === 0 ? 0 : (cumulative[bucket - 1] as number);
  const within = (cumulative[bucket] as number) - below;
  return within === 0 ? upper : lower + ((upper - lower) * (rank - below)) / within;
};
