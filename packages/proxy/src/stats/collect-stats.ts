import { type Cluster, isHealthy } from '../context.ts';
import type { HostPool } from '../upstream/host-pool.ts';
import type { ProxyStats } from './proxy-stats.ts';
import { inner, type Stat, StatList, type StatScope } from './stat-list.ts';

/** What the process says of itself: `server.*`. */
export interface ServerStats {
  readonly uptimeS: number;
  /** Envoy's numbers: 0 live, 1 draining, 3 initializing. */
  readonly state: 0 | 1 | 3;
  readonly activeClusters: number;
  readonly listeners: { readonly active: number; readonly warming: number; readonly draining: number };
  readonly daysUntilFirstCertExpiring: number;
}

/** All of Envoy's statistics that we have, of this moment. Clusters that no request has asked for have none. */
export const collectStats = (stats: ProxyStats, clusters: Iterable<Cluster>, server: ServerStats): readonly Stat[] => {
  const list = new StatList();
  for (const cluster of clusters) addCluster(list, cluster);
  for (const [address, listener] of stats.listeners)
    list.addAll(named('listener', 'listener_address', address), listener);
  for (const [prefix, http] of stats.httpManagers)
    list.addAll(named('http', 'http_conn_manager_prefix', prefix), http, 'downstream_rq');
  for (const [prefix, tcp] of stats.tcpProxies) list.addAll(named('tcp', 'tcp_prefix', prefix), tcp);
  for (const [kind, tracer] of stats.tracers)
    list.addAll({ prefix: `tracing.${kind}.`, family: `envoy_tracing_${kind}_`, labels: [] }, tracer);
  list.addAll(plain('http2'), stats.http2);
  list.addAll(plain('listener_manager'), stats.listenerManager);
  for (const [state, count] of Object.entries(server.listeners))
    list.gauge(plain('listener_manager'), `total_listeners_${state}`, count);
  list.gauge(plain('cluster_manager'), 'active_clusters', server.activeClusters);
  addServer(list, server);
  return list.stats;
};

const plain = (name: string): StatScope => ({ prefix: `${name}.`, family: `envoy_${name}_`, labels: [] });

const named = (kind: string, label: string, name: string): StatScope => ({
  prefix: `${kind}.${name}.`,
  family: `envoy_${kind}_`,
  labels: [[`envoy_${label}`, name]],
});

const addCluster = (list: StatList, cluster: Cluster): void => {
  const scope = named('cluster', 'cluster_name', cluster.name);
  const { stats, hosts, config } = cluster;
  let received = stats.upstream_cx_rx_bytes_total;
  let sent = stats.upstream_cx_tx_bytes_total;
  // Connections are added up when they close; those that are open count as they are.
  for (const host of hosts)
    for (const { socket } of (host.pool as HostPool | null)?.connections ?? []) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
  list.addAll(
    scope,
    Object.assign({}, stats, { upstream_cx_rx_bytes_total: received, upstream_cx_tx_bytes_total: sent }),
    'upstream_rq',
  );
  list.gauge(scope, 'upstream_cx_active', cluster.activeConnections);
  list.gauge(scope, 'upstream_rq_active', cluster.activeRequests);
  list.gauge(scope, 'upstream_rq_pending_active', cluster.pendingRequests);
  list.gauge(scope, 'membership_total', hosts.length);
  list.gauge(scope, 'membership_healthy', hosts.filter(isHealthy).length);
  list.gauge(scope, 'max_host_weight', Math.max(0, ...hosts.map((host) => host.weight)));
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = config.limits;
  const breakers = inner(inner(scope, 'circuit_breakers'), 'default');
  for (const [name, remaining, used, limit] of [
    ['cx_open', 'remaining_cx', cluster.activeConnections, maxConnections],
    ['rq_pending_open', 'remaining_pending', cluster.pendingRequests, maxPendingRequests],
    ['rq_open', 'remaining_rq', cluster.activeRequests, maxRequests],
    ['rq_retry_open', 'remaining_retries', cluster.activeRetries, maxRetries],
  ] as const) {
    list.gauge(breakers, name, used >= limit ? 1 : 0);
    list.gauge(breakers, remaining, Math.max(0, limit - used));
  }
};

const addServer = (list: StatList, { uptimeS, state, daysUntilFirstCertExpiring }: ServerStats): void => {
  const scope = plain('server');
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  for (const [name, value] of Object.entries({
    concurrency: 1,
    days_until_first_cert_expiring: daysUntilFirstCertExpiring,
    hot_restart_epoch: 0,
    live: state === 0 ? 1 : 0,
    memory_allocated: heapUsed,
    memory_heap_size: heapTotal,
    memory_physical_size: rss,
    parent_connections: 0,
    state,
    uptime: uptimeS,
  }))
    list.gauge(scope, name, value);
};
