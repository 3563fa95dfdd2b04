import { HttpStats, TcpStats } from './http-stats.ts';
import { Http2Stats } from './http2-stats.ts';
import { TracerStats } from './tracer-stats.ts';
import { ListenerManagerStats, ListenerStats } from './listener-stats.ts';

/**
 * Envoy's statistics of this process, but for those of clusters, which are with each `Cluster`. They outlive the
 * configuration: ask with the same name and the same object comes back. Ask when a configuration arrives and keep it;
 * on the path of a request only its fields are touched.
 */
export class ProxyStats {
  readonly #listeners = new Map<string, ListenerStats>();
  readonly #http = new Map<string, HttpStats>();
  readonly #tcp = new Map<string, TcpStats>();
  readonly #tracers = new Map<string, TracerStats>();
  /** Of the HTTP/2 connections of all listeners. */
  readonly http2 = new Http2Stats();
  readonly listenerManager = new ListenerManagerStats();

  /** `address`: as Envoy writes it in names, `127.0.0.1_15001`. */
  listener(address: string): ListenerStats {
    return keep(this.#listeners, address, () => new ListenerStats());
  }

  /** By the connection manager's `stat_prefix`. */
  http(prefix: string): HttpStats {
    return keep(this.#http, prefix, () => new HttpStats());
  }

  tcp(prefix: string): TcpStats {
    return keep(this.#tcp, prefix, () => new TcpStats());
  }

  tracer(kind: 'zipkin' | 'opentelemetry'): TracerStats {
    return keep(this.#tracers, kind, () => new TracerStats());
  }

  get listeners(): ReadonlyMap<string, ListenerStats> {
    return this.#listeners;
  }

  get httpManagers(): ReadonlyMap<string, HttpStats> {
    return this.#http;
  }

  get tcpProxies(): ReadonlyMap<string, TcpStats> {
    return this.#tcp;
  }

  get tracers(): ReadonlyMap<string, TracerStats> {
    return this.#tracers;
  }
}

const keep = <T>(map: Map<string, T>, key: string, make: () => T): T => {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
};
