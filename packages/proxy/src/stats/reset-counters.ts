import { ResponseCodes } from './response-codes.ts';
import { StatHistogram } from './stat-histogram.ts';
import { isGauge } from './stat-list.ts';

/** Envoy's `/reset_counters`: the counters among an object's statistics are 0 again; gauges and histograms stay. */
export const resetCounters = (stats: object): void => {
  const fields = stats as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'number') {
      if (!isGauge(name)) fields[name] = 0;
    } else if (value instanceof ResponseCodes) value.reset();
    else if (value !== null && typeof value === 'object' && !(value instanceof StatHistogram)) resetCounters(value);
  }
};
