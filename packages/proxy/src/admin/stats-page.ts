import { compileRegex, type Regex } from '@weft/traffic/regex';
import { parsePrometheusText } from '@weft/telemetry/prometheus-text';
import { isUsed, renderPrometheus, renderText, statsJson } from '../stats/render-stats.ts';
import type { Stat } from '../stats/stat-list.ts';
import { type Answer, json, text } from './admin-server.ts';

export interface StatsSource {
  /** Istio's metrics and the process', in Prometheus' text format. */
  readonly exposition: () => string;
  /** Envoy's. */
  readonly stats: () => readonly Stat[];
}

/**
 * Envoy's `/stats`: `?filter=REGEX` keeps names that the expression finds something in, `?usedonly` those that are not 0,
 * `?type=Counters|Gauges|Histograms` one kind, `?format=json|prometheus` another form. Istio's metrics stand there too, with their labels in braces.
 * https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats
 */
export const statsPage = (source: StatsSource, query: URLSearchParams): Answer => {
  const format = query.get('format') ?? 'text';
  if (format === 'prometheus') return prometheusPage(source, query);
  if (format !== 'text' && format !== 'json') return text('usage: /stats?format=text|json|prometheus\n', 400);
  const stats = select([...source.stats(), ...istioStats(source.exposition())], query);
  if (typeof stats === 'string') return text(stats, 400);
  return format === 'json' ? json(statsJson(stats)) : text(renderText(stats));
};

/** The regular expression finds names as they stand in `/stats`; without one Istio's metrics are there too. */
export const prometheusPage = (source: StatsSource, query: URLSearchParams): Answer => {
  const stats = select(source.stats(), query);
  if (typeof stats === 'string') return text(stats, 400);
  return {
    status: 200,
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    body: (query.has('filter') ? '' : source.exposition()) + renderPrometheus(stats),
  };
};

const types = { counters: 'counter', gauges: 'gauge', histograms: 'histogram' } as const;

/** What is wrong with the query, as text. */
const select = (stats: readonly Stat[], query: URLSearchParams): readonly Stat[] | string => {
  const filter = query.get('filter') ?? '';
  const type = (query.get('type') ?? 'all').toLowerCase();
  if (type !== 'all' && !Object.hasOwn(types, type)) return 'usage: /stats?type=Counters|Gauges|Histograms|All\n';
  const kind = type === 'all' ? null : types[type as keyof typeof types];
  const regex = filter === '' ? null : compileFilter(filter);
  if (typeof regex === 'string') return regex;
  return stats.filter(
    (stat) =>
      (kind === null || stat.kind === kind) &&
      (regex === null || regex.matches(stat.name)) &&
      (!query.has('usedonly') || isUsed(stat)),
  );
};

/** Anywhere in a name. */
const compileFilter = (filter: string): Regex | string => {
  try {
    return compileRegex(`.*(?:${filter}).*`);
  } catch (error) {
    return `Invalid re2 regex: ${(error as Error).message}\n`;
  }
};

/** Histograms of these are in Prometheus' form only. */
const istioStats = (exposition: string): Stat[] =>
  parsePrometheusText(exposition)
    .filter(({ labels }) => !labels.has('le'))
    .map(({ name, labels, value }) => ({
      kind: 'counter',
      name: name + braces(labels),
      family: name,
      labels: '',
      value,
    }));

const braces = (labels: ReadonlyMap<string, string>): string => {
  if (labels.size === 0) return '';
  return `{${[...labels].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`;
};
