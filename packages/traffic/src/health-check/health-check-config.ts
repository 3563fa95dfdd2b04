/**
 * How a cluster finds out by itself which of its hosts are well. Times in milliseconds.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/health_checking
 */
export interface HealthCheckConfig {
  readonly probe: HttpProbe | GrpcProbe | TcpProbe;
  readonly timeoutMs: number;
  /** Between checks of a host that is well. */
  readonly intervalMs: number;
  /** Between checks of a host that is not, and while the thresholds are being counted. */
  readonly unhealthyIntervalMs: number;
  readonly unhealthyEdgeIntervalMs: number;
  readonly healthyEdgeIntervalMs: number;
  /** While the cluster has had no connection yet. */
  readonly noTrafficIntervalMs: number;
  readonly noTrafficHealthyIntervalMs: number;
  /** At most so much is added at random: to the first check, to each interval (also as a percentage of it). */
  readonly initialJitterMs: number;
  readonly intervalJitterMs: number;
  readonly intervalJitterPercent: number;
  /** Checks in a row that make a host unhealthy or healthy. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** 0: the host's own port. */
  readonly altPort: number;
}

export interface HttpProbe {
  readonly kind: 'http';
  readonly method: string;
  readonly path: string;
  /** Empty: the cluster's name, as in Envoy. */
  readonly host: string;
  /** Flat name, value pairs, lower case names. */
  readonly headers: readonly string[];
  readonly http2: boolean;
  /** From the first to before the second. */
  readonly expected: readonly StatusRange[];
  /** Failures that are counted against the threshold; any other makes the host unhealthy at once. */
  readonly retriable: readonly StatusRange[];
}

export type StatusRange = readonly [start: number, end: number];

export interface GrpcProbe {
  readonly kind: 'grpc';
  readonly service: string;
  /** Empty: the cluster's name. */
  readonly authority: string;
}

export interface TcpProbe {
  readonly kind: 'tcp';
  /** Empty: to connect is enough. */
  readonly send: Uint8Array;
  /** To be found in the answer, in this order. */
  readonly receive: readonly Uint8Array[];
}

export const inRange = (ranges: readonly StatusRange[], status: number): boolean =>
  ranges.some(([start, end]) => status >= start && status < end);
