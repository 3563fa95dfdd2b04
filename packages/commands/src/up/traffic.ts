import type { Sample } from '@weft/telemetry/prometheus-text';
import { histogramQuantile } from '@weft/telemetry/quantile';

/** Counters of all sidecars at one moment, by series. */
export interface TrafficSample {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly series: ReadonlyMap<string, Series>;
}

interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Who calls whom, over the time between two samples. */
export interface TrafficRow {
  readonly from: string;
  /** The called service's name. */
  readonly to: string;
  readonly protocol: 'http' | 'tcp';
  /** Requests, or for TCP connections opened, per second. */
  readonly perSecond: number;
  /** Share of requests that no 5xx and no reset ended, 0 to 1; NaN for none, and for TCP. */
  readonly success: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share under mutual TLS, 0 to 1; NaN where nothing arrived. */
  readonly mtls: number;
  /** Versions that answered, most first. */
  readonly versions: readonly { readonly version: string; readonly share: number }[];
}

const COUNTED = /^istio_(requests_total|request_duration_milliseconds_bucket|tcp_connections_opened_total)$/;

/** Takes what the table needs of the sidecars' metrics; `sources` tells the scrapes apart. */
export const trafficSample = (
  atMs: number,
  scrapes: readonly (readonly Sample[])[],
  sources: readonly string[],
): TrafficSample => {
  const series = new Map<string, Series>();
  for (const [index, samples] of scrapes.entries())
    for (const { name, labels, value } of samples) {
      if (!COUNTED.test(name) || labels.get('reporter') !== 'source') continue;
      const key = `${sources[index]}|${name}|${[...labels].map(([k, v]) => `${k}=${v}`).join('|')}`;
      series.set(key, { name, labels, value });
    }
  return { atMs, series };
};

interface Edge {
  readonly from: string;
  readonly to: string;
  requests: number;
  failures: number;
  connections: number;
  readonly versions: Map<string, number>;
  /** Cumulative counts by upper bound. */
  readonly buckets: Map<number, number>;
  arrived: number;
  overMtls: number;
}

/**
 * The rows between two samples. Rates, durations and versions are the caller's (`reporter="source"`), as only it sees
 * what never arrived. It was mutual TLS if the caller knows by which certificate it was answered
 * (`destination_principal`): `connection_security_policy` is the called side's word, and over TCP that side does not
 * know the caller's workload.
 */
export const trafficRows = (before: TrafficSample, after: TrafficSample): TrafficRow[] => {
  const edges = new Map<string, Edge>();
  const seconds = (after.atMs - before.atMs) / 1000;
  for (const [key, { name, labels, value }] of after.series) {
    // A counter that went down belongs to a sidecar that was started again.
    const earlier = before.series.get(key)?.value ?? 0;
    const grown = value >= earlier ? value - earlier : value;
    if (grown > 0) addTo(edgeOf(edges, labels), name, labels, grown);
  }
  return [...edges.values()]
    .filter((e) => e.requests > 0 || e.connections > 0)
    .map((e) => rowOf(e, seconds))
    .sort((a, b) => (a.from === b.from ? compare(a.to, b.to) : compare(a.from, b.from)));
};

const compare = (a: string, b: string): number => (a < b ? -1 : 1);

const edgeOf = (edges: Map<string, Edge>, labels: ReadonlyMap<string, string>): Edge => {
  const from = labels.get('source_workload') ?? 'unknown';
  const to = labels.get('destination_service_name') ?? 'unknown';
  const key = `${from}|${to}`;
  let edge = edges.get(key);
  if (!edge) {
    edge = {
      from,
      to,
      requests: 0,
      failures: 0,
      connections: 0,
      versions: new Map(),
      buckets: new Map(),
      arrived: 0,
      overMtls: 0,
    };
    edges.set(key, edge);
  }
  return edge;
};

const addTo = (edge: Edge, name: string, labels: ReadonlyMap<string, string>, grown: number): void => {
  if (name === 'istio_request_duration_milliseconds_bucket') {
    const le = labels.get('le') ?? '+Inf';
    const bound = le === '+Inf' ? Infinity : Number(le);
    edge.buckets.set(bound, (edge.buckets.get(bound) ?? 0) + grown);
    return;
  }
  if ((labels.get('destination_workload') ?? 'unknown') !== 'unknown') {
    edge.arrived += grown;
    if (labels.get('destination_principal')?.startsWith('spiffe://')) edge.overMtls += grown;
  }
  if (name === 'istio_tcp_connections_opened_total') {
    edge.connections += grown;
    return;
  }
  const code = Number(labels.get('response_code') ?? 0);
  edge.requests += grown;
  if (code === 0 || code >= 500) edge.failures += grown;
  const version = labels.get('destination_version') ?? 'unknown';
  if (version !== 'unknown') edge.versions.set(version, (edge.versions.get(version) ?? 0) + grown);
};

const rowOf = (edge: Edge, seconds: number): TrafficRow => {
  const bounds = [...edge.buckets.keys()].sort((a, b) => a - b);
  const counts = bounds.map((b) => edge.buckets.get(b) as number);
  const versioned = [...edge.versions.values()].reduce((a, b) => a + b, 0);
  const http = edge.requests > 0;
  return {
    from: edge.from,
    to: edge.to,
    protocol: http ? 'http' : 'tcp',
    perSecond: (http ? edge.requests : edge.connections) / seconds,
    success: http ? 1 - edge.failures / edge.requests : Number.NaN,
    p50Ms: histogramQuantile(0.5, bounds, counts),
    p99Ms: histogramQuantile(0.99, bounds, counts),
    mtls: edge.arrived > 0 ? edge.overMtls / edge.arrived : Number.NaN,
    versions: [...edge.versions]
      .map(([version, count]) => ({ version, share: count / versioned }))
      .sort((a, b) => b.share - a.share || compare(a.version, b.version)),
  };
};
