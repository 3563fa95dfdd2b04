import { renderLabels } from '@weft/telemetry/metrics';
import { ResponseCodes } from './response-codes.ts';
import { StatHistogram } from './stat-histogram.ts';

/** One statistic as `/stats` shows it, and as Prometheus gets it. */
export type Stat = {
  /** `cluster.outbound|80||a.default.svc.cluster.local.upstream_rq_2xx` */
  readonly name: string;
  /** `envoy_cluster_upstream_rq_xx` with its labels, rendered, as Envoy's tags make them. */
  readonly family: string;
  readonly labels: string;
} & (
  | { readonly kind: 'counter' | 'gauge'; readonly value: number }
  | { readonly kind: 'histogram'; readonly histogram: StatHistogram }
);

/** Where statistics stand: `cluster.NAME.`, in Prometheus `envoy_cluster_` with a label for the name. */
export interface StatScope {
  readonly prefix: string;
  readonly family: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
}

const GAUGE = /_active$|^active_|^healthy$|^pending_send_bytes$|^total_listeners_/;
export const isGauge = (name: string): boolean => GAUGE.test(name);

/**
 * Reads statistics from objects whose fields are named as Envoy's: a number is a counter (a gauge, by its name), an
 * object in a field a scope of its own. Made anew for each reader; nothing here is on the path of a request.
 */
export class StatList {
  readonly stats: Stat[] = [];

  counter(scope: StatScope, name: string, value: number): void {
    this.#number('counter', scope, name, value);
  }

  gauge(scope: StatScope, name: string, value: number): void {
    this.#number('gauge', scope, name, value);
  }

  /** `requests`: what responses are called in the scope, `upstream_rq` or `downstream_rq`. */
  addAll(scope: StatScope, stats: object, requests = ''): void {
    for (const [name, value] of Object.entries(stats) as [string, unknown][]) {
      if (typeof value === 'number') this.#number(isGauge(name) ? 'gauge' : 'counter', scope, name, value);
      else if (value instanceof StatHistogram) this.#histogram(scope, name, value);
      else if (value instanceof ResponseCodes) this.#responses(scope, requests, value);
      else if (value !== null) this.addAll(inner(scope, name), value as object);
    }
  }

  #responses(scope: StatScope, requests: string, codes: ResponseCodes): void {
    this.counter(scope, `${requests}_completed`, codes.total);
    for (let hundreds = 1; hundreds <= 5; hundreds++) {
      const labels = withLabel(scope, 'envoy_response_code_class', String(hundreds));
      this.#named('counter', scope, `${requests}_${hundreds}xx`, `${requests}_xx`, labels, codes.ofClass(hundreds));
    }
    // Envoy counts single codes of clusters only.
    if (requests !== 'upstream_rq') return;
    for (const [status, count] of codes.entries()) {
      const labels = withLabel(scope, 'envoy_response_code', String(status));
      this.#named('counter', scope, `${requests}_${status}`, requests, labels, count);
    }
  }

  #number(kind: 'counter' | 'gauge', scope: StatScope, name: string, value: number): void {
    this.#named(kind, scope, name, name, withLabel(scope), value);
  }

  #named(
    kind: 'counter' | 'gauge',
    { prefix, family }: StatScope,
    name: string,
    familyName: string,
    labels: string,
    value: number,
  ): void {
    this.stats.push({ kind, name: prefix + name, family: family + metricName(familyName), labels, value });
  }

  #histogram(scope: StatScope, name: string, histogram: StatHistogram): void {
    this.stats.push({
      kind: 'histogram',
      name: scope.prefix + name,
      family: scope.family + metricName(name),
      labels: withLabel(scope),
      histogram,
    });
  }
}

export const inner = (scope: StatScope, name: string): StatScope => ({
  prefix: `${scope.prefix}${name}.`,
  family: `${scope.family}${metricName(name)}_`,
  labels: scope.labels,
});

const withLabel = ({ labels }: StatScope, name?: string, value = ''): string => {
  const all = name === undefined ? labels : [[name, value] as const, ...labels];
  return renderLabels(
    all.map(([label]) => label),
    all.map(([, text]) => text),
  );
};

const metricName = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_');
