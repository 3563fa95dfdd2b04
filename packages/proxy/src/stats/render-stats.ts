import { histogramQuantile } from '@weft/telemetry/quantile';
import type { Stat } from './stat-list.ts';
import { StatHistogram } from './stat-histogram.ts';

const bounds = [...StatHistogram.bounds, Number.POSITIVE_INFINITY];
const QUANTILES = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100];

const byName = (a: Stat, b: Stat): number => (a.name < b.name ? -1 : 1);

export const isUsed = (stat: Stat): boolean =>
  stat.kind === 'histogram' ? stat.histogram.counts !== null : stat.value !== 0;

/** Envoy's `/stats`: numbers by name, then histograms by name. */
export const renderText = (stats: readonly Stat[]): string => {
  let numbers = '';
  let histograms = '';
  for (const stat of [...stats].sort(byName)) {
    if (stat.kind !== 'histogram') numbers += `${stat.name}: ${stat.value}\n`;
    else histograms += `${stat.name}: ${quantilesText(stat.histogram)}\n`;
  }
  return numbers + histograms;
};

/** Intervals are not kept, so that the first of each pair, that of the last interval, is always nan. */
const quantilesText = (histogram: StatHistogram): string =>
  histogram.counts === null
    ? 'No recorded values'
    : quantiles(histogram)
        .map((value, i) => `P${QUANTILES[i]}(nan,${value})`)
        .join(' ');

const quantiles = (histogram: StatHistogram): number[] => {
  const sums = cumulative(histogram);
  return QUANTILES.map((q) => Math.round(histogramQuantile(q / 100, bounds, sums) * 100) / 100);
};

const cumulative = ({ counts }: StatHistogram): number[] => {
  let sum = 0;
  return Array.from(counts ?? [], (count) => (sum += count));
};

/** `/stats?format=json` */
export const statsJson = (stats: readonly Stat[]): object => {
  const sorted = [...stats].sort(byName);
  const histograms = sorted.flatMap((stat) => (stat.kind === 'histogram' ? [stat] : []));
  return {
    stats: [
      ...sorted.flatMap((stat) => (stat.kind === 'histogram' ? [] : [{ name: stat.name, value: stat.value }])),
      {
        histograms: {
          supported_quantiles: QUANTILES,
          computed_quantiles: histograms.map(({ name, histogram }) => ({
            name,
            values:
              histogram.counts === null
                ? []
                : quantiles(histogram).map((value) => ({ interval: null, cumulative: value })),
          })),
        },
      },
    ],
  };
};

/** Prometheus' text format: a family's series together, as it demands. */
export const renderPrometheus = (stats: readonly Stat[]): string => {
  const families = new Map<string, Stat[]>();
  for (const stat of stats) {
    const known = families.get(stat.family);
    if (known) known.push(stat);
    else families.set(stat.family, [stat]);
  }
  let text = '';
  for (const [family, members] of [...families].sort(([a], [b]) => (a < b ? -1 : 1))) {
    text += `# TYPE ${family} ${(members[0] as Stat).kind}\n`;
    for (const stat of members) text += stat.kind === 'histogram' ? seriesOf(stat, stat.histogram) : seriesLine(stat);
  }
  return text;
};

const seriesLine = ({ family, labels, value }: Stat & { readonly value: number }): string =>
  `${family}{${labels}} ${value}\n`;

const seriesOf = ({ family, labels }: Stat, histogram: StatHistogram): string => {
  const before = labels === '' ? '' : `${labels},`;
  const sums = histogram.counts === null ? bounds.map(() => 0) : cumulative(histogram);
  let text = '';
  for (const [i, bound] of bounds.entries())
    text += `${family}_bucket{${before}le="${bound === Number.POSITIVE_INFINITY ? '+Inf' : bound}"} ${sums[i]}\n`;
  return `${text}${family}_sum{${labels}} ${histogram.sum}\n${family}_count{${labels}} ${sums.at(-1)}\n`;
};
