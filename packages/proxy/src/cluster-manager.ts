import { isIP, type LookupFunction } from 'node:net';
import type { Clock, Timer } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import { type LoadBalancer, makeLoadBalancer, slowStartFactor } from '@weft/traffic/load-balancer';
import type { HostMonitor } from '@weft/traffic/outlier/host-monitor';
import { OutlierDetector } from '@weft/traffic/outlier/outlier-detector';
import type { ClusterConfig, EndpointConfig, TlsContextConfig } from '@weft/traffic/runtime-config';
import { type Cluster, type ClusterManager, type Host, isHealthy } from './context.ts';
import { DnsCache } from './dns/dns-cache.ts';
import { HealthChecker, type Probe } from './health/health-checker.ts';
import { ClusterStats } from './stats/cluster-stats.ts';
import { lookupIn, OutsideHosts, type OutsideOptions } from './upstream/outside-hosts.ts';

type Clusters = ReadonlyMap<string, ClusterConfig>;

/**
 * What outlives a configuration: clusters by name, their hosts by address and port, both with their counters. A cluster
 * is made when the first request asks for it: of a thousand that a sidecar is told of, most are never called.
 */
export class LiveClusters implements ClusterManager {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #live = new Map<string, LiveCluster>();
  readonly #onRemoved = new Set<(cluster: Cluster, host: Host) => void>();
  #configs: Clusters = new Map();

  readonly #outside: OutsideOptions;

  readonly #probe: Probe;

  constructor(
    random: Random,
    clock: Clock,
    outside: OutsideOptions = noNames(clock),
    probe: Probe = (_host, _config, _name, done) => {
      done('network');
      return () => {};
    },
  ) {
    this.#random = random;
    this.#clock = clock;
    this.#outside = outside;
    this.#probe = probe;
  }

  get(name: string): Cluster | null {
    const live = this.#live.get(name);
    if (live) return live;
    const config = this.#configs.get(name);
    if (!config) return null;
    const cluster = new LiveCluster(config, this.#random, this.#clock, this.#outside, this.#probe, this.#notify);
    this.#live.set(name, cluster);
    return cluster;
  }

  /** Those that requests have asked for, for `/clusters` and statistics. */
  get live(): ReadonlyMap<string, Cluster> {
    return this.#live;
  }

  /** Of a cluster that requests have asked for: those of its configuration, or those that were asked for by name. */
  hostsOf(name: string): readonly Host[] {
    const cluster = this.#live.get(name);
    return cluster === undefined ? [] : (cluster.outside?.hosts ?? cluster.hosts);
  }

  onHostRemoved(fn: (cluster: Cluster, host: Host) => void): () => void {
    this.#onRemoved.add(fn);
    return () => this.#onRemoved.delete(fn);
  }

  /** Takes over a new configuration. Clusters that left lose their hosts; requests in flight keep theirs. */
  apply(configs: Clusters): void {
    this.#configs = configs;
    for (const [name, cluster] of this.#live) {
      const config = configs.get(name);
      if (config) {
        if (config !== cluster.config) cluster.update(config);
      } else {
        this.#live.delete(name);
        cluster.close();
      }
    }
    // Whose hosts are checked does not wait for a request.
    for (const [name, config] of configs) if (config.healthCheck !== null) this.get(name);
  }

  readonly #notify = (cluster: Cluster, host: Host): void => {
    for (const fn of this.#onRemoved) fn(cluster, host);
  };
}

class LiveCluster implements Cluster {
  readonly name: string;
  config: ClusterConfig;
  hosts: readonly LiveHost[] = [];
  activeRequests = 0;
  activeConnections = 0;
  pendingRequests = 0;
  activeRetries = 0;
  readonly stats = new ClusterStats();
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #onRemoved: (cluster: Cluster, host: Host) => void;
  #balancer: LoadBalancer<LiveHost>;
  #detector: OutlierDetector | null = null;
  readonly #probe: Probe;
  #checker: HealthChecker | null = null;
  /** Until the newest host is as old as the others. */
  #warm: Timer | null = null;
  /** So few hosts are healthy that all are used. */
  #panic = false;
  readonly #options: OutsideOptions;
  outside: OutsideHosts | null;

  constructor(
    config: ClusterConfig,
    random: Random,
    clock: Clock,
    options: OutsideOptions,
    probe: Probe,
    onRemoved: (cluster: Cluster, host: Host) => void,
  ) {
    this.name = config.name;
    this.config = config;
    this.#options = options;
    this.outside = this.#outsideOf(config);
    this.#random = random;
    this.#clock = clock;
    this.#onRemoved = onRemoved;
    this.#probe = probe;
    this.hosts = this.#takeHosts(config);
    this.#watch(config);
    this.#checkHealth(null, config);
    this.#balancer = this.#balance();
  }

  pick(tried: readonly LiveHost[] | null): LiveHost | null {
    if (this.#panic) this.stats.lb_healthy_panic++;
    return this.#balancer.pick(tried);
  }

  #countUpdate(before: ClusterConfig, changed: boolean): void {
    const { stats, config } = this;
    if (changed) stats.membership_change++;
    if (before.endpoints === config.endpoints) return;
    stats.update_attempt++;
    stats.update_success++;
    if (config.endpoints.length === 0) stats.update_empty++;
    if (!changed) stats.update_no_rebuild++;
  }

  update(config: ClusterConfig): void {
    const before = this.config;
    const left = new Set(this.hosts);
    const known = left.size;
    this.config = config;
    if (before.discovery !== config.discovery) this.outside = this.#outsideOf(config);
    this.hosts = this.#takeHosts(config);
    for (const host of this.hosts) left.delete(host);
    this.#countUpdate(before, left.size > 0 || this.hosts.length !== known);
    for (const host of left) if (host.outlier !== null) this.#detector?.remove(host.outlier);
    this.#watch(config);
    for (const host of left) this.#checker?.remove(host);
    this.#checkHealth(before, config);
    if (before.endpoints !== config.endpoints || !samePolicy(before, config)) this.#balancer = this.#balance();
    this.#remove(left);
  }

  /** The cluster is gone: nothing is picked any more. */
  close(): void {
    const left = this.hosts;
    this.hosts = [];
    this.#detector?.close();
    this.#checker?.close();
    this.#balancer = this.#balance();
    this.#remove(left);
  }

  #outsideOf({ discovery }: ClusterConfig): OutsideHosts | null {
    return discovery === 'dynamic_forward_proxy' ? new OutsideHosts(this, this.#options) : null;
  }

  #takeHosts(config: ClusterConfig): LiveHost[] {
    const known = new Map<string, LiveHost>();
    for (const host of this.hosts) known.set(hostKey(host), host);
    const hosts = new Map<string, LiveHost>();
    for (const endpoint of config.endpoints) {
      const key = hostKey(endpoint);
      // One address in two localities is one host.
      if (hosts.has(key)) continue;
      const tls = tlsOf(config, endpoint);
      const host = known.get(key);
      if (host) host.update(endpoint, tls);
      hosts.set(key, host ?? new LiveHost(endpoint, tls, this.#clock.monotonic(), this.#lookup(config, endpoint)));
    }
    return [...hosts.values()];
  }

  #lookup({ discovery }: ClusterConfig, { address }: EndpointConfig): LookupFunction | null {
    if ((discovery !== 'strict_dns' && discovery !== 'logical_dns') || isIP(address) !== 0) return null;
    return lookupIn(this.#options.dns, () => false);
  }

  /** Outlier detection begins, goes on with other settings, or ends; who is out stays out while it goes on. */
  #watch({ outlierDetection }: ClusterConfig): void {
    if (outlierDetection === null) {
      this.#detector?.close();
      this.#detector = null;
    } else if (this.#detector === null) {
      const { outlier_detection: stats } = this.stats;
      this.#detector = new OutlierDetector(outlierDetection, stats, this.#clock, this.#random, () => {
        this.#balancer = this.#balance();
      });
    } else this.#detector.update(outlierDetection);
    for (const host of this.hosts) {
      if (this.#detector === null) host.outlier = null;
      else host.outlier ??= this.#detector.add();
    }
  }

  /** Health checks begin, go on for the hosts that are there, begin anew with other settings, or end. */
  #checkHealth(before: ClusterConfig | null, { healthCheck }: ClusterConfig): void {
    if (this.#checker !== null && !sameJson(before?.healthCheck, healthCheck)) {
      this.#checker.close();
      this.#checker = null;
    }
    if (healthCheck === null) return;
    this.#checker ??= new HealthChecker(this, healthCheck, this.#probe, this.#clock, this.#random, () => {
      this.#balancer = this.#balance();
    });
    for (const host of this.hosts) this.#checker.add(host);
  }

  #balance(): LoadBalancer<LiveHost> {
    const { hosts } = this;
    const healthy = hosts.filter(isHealthy);
    this.#panic = inPanic(healthy.length, hosts.length, this.config.panicThreshold);
    const usable = this.#panic ? hosts : healthy;
    const policy = this.config.loadBalancer;
    this.#warm?.cancel();
    const slowStart = policy.kind === 'random' ? undefined : policy.slowStart;
    if (slowStart === undefined) return makeLoadBalancer(policy, usable, this.#random);
    // While a host is new its share grows with each pick; after that the plain balancer serves again.
    const clock = this.#clock;
    const now = clock.monotonic();
    const newest = usable.reduce((latest, host) => Math.max(latest, host.sinceMs), Number.NEGATIVE_INFINITY);
    const leftMs = newest + slowStart.windowMs - now;
    if (leftMs <= 0) return makeLoadBalancer(policy, usable, this.#random);
    this.#warm = clock.setTimer(leftMs, () => {
      this.#balancer = this.#balance();
    });
    return makeLoadBalancer(policy, usable, this.#random, (host) =>
      slowStartFactor(slowStart, clock.monotonic() - host.sinceMs),
    );
  }

  #remove(hosts: Iterable<LiveHost>): void {
    for (const host of hosts) {
      host.removed = true;
      this.#onRemoved(this, host);
    }
  }
}

class LiveHost implements Host {
  readonly address: string;
  readonly port: number;
  config: EndpointConfig;
  tls: TlsContextConfig | null;
  weight: number;
  active = 0;
  pool: unknown = null;
  removed = false;
  outlier: HostMonitor | null = null;
  failedCheck = false;
  readonly destination = null;
  readonly lookup: LookupFunction | null;
  /** Monotonic. */
  readonly sinceMs: number;

  constructor(config: EndpointConfig, tls: TlsContextConfig | null, sinceMs: number, lookup: LookupFunction | null) {
    this.lookup = lookup;
    this.address = config.address;
    this.port = config.port;
    this.config = config;
    this.tls = tls;
    this.weight = config.weight;
    this.sinceMs = sinceMs;
  }

  update(config: EndpointConfig, tls: TlsContextConfig | null): void {
    this.config = config;
    this.tls = tls;
    this.weight = config.weight;
  }
}

/** Where nobody resolves names. */
const noNames = (clock: Clock): OutsideOptions => ({
  dns: new DnsCache(() => Promise.reject(new Error('names are not resolved here')), clock),
  refuses: () => false,
});

const hostKey = (of: { readonly address: string; readonly port: number }): string => `${of.address}:${of.port}`;

/** The first of `tlsMatches` whose labels the endpoint has; the cluster's own where none does, as in Envoy. */
const tlsOf = (config: ClusterConfig, endpoint: EndpointConfig): TlsContextConfig | null => {
  const labels = endpoint.transportSocketLabels;
  for (const match of config.tlsMatches) {
    if (Object.entries(match.labels).every(([name, value]) => labels[name] === value)) return match.tls;
  }
  return config.tls;
};

const sameJson = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

const samePolicy = (a: ClusterConfig, b: ClusterConfig): boolean =>
  JSON.stringify(a.loadBalancer) === JSON.stringify(b.loadBalancer) &&
  a.panicThreshold === b.panicThreshold &&
  (a.outlierDetection === null) === (b.outlierDetection === null) &&
  sameJson(a.healthCheck, b.healthCheck);

/** Envoy's share of hosts that a priority may lack without any loss, in percent of the healthy ones. */
const OVERPROVISIONING = 140;

/**
 * As Envoy with one priority: too few are healthy, and fewer than would do for all requests.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/panic_threshold
 */
const inPanic = (healthy: number, all: number, threshold: number): boolean =>
  all > 0 && OVERPROVISIONING * healthy < 100 * all && 100 * healthy < threshold * all;
