import type { Cluster } from '../context.ts';

/** Retries that may be under way at once: by the budget where there is one, else by the number. */
export const retryLimit = ({ activeRequests, config }: Cluster): number => {
  const { retryBudget, maxRetries } = config.limits;
  if (retryBudget === null) return maxRetries;
  return Math.max(Math.floor((retryBudget.percent / 100) * activeRequests), retryBudget.minConcurrency);
};

/**
 * `cluster.<name>.circuit_breakers.default.<gauge>`, made when somebody asks: 1 where a breaker is open, and what is left
 * of each limit.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats#circuit-breakers-statistics
 */
export const circuitBreakerGauges = (cluster: Cluster): Readonly<Record<string, number>> => {
  const { activeConnections, activeRequests, activeRetries, pendingRequests, config } = cluster;
  const { maxConnections, maxPendingRequests, maxRequests } = config.limits;
  const maxRetries = retryLimit(cluster);
  return {
    cx_open: open(activeConnections, maxConnections),
    rq_pending_open: open(pendingRequests, maxPendingRequests),
    rq_open: open(activeRequests, maxRequests),
    rq_retry_open: open(activeRetries, maxRetries),
    remaining_cx: left(activeConnections, maxConnections),
    remaining_pending: left(pendingRequests, maxPendingRequests),
    remaining_rq: left(activeRequests, maxRequests),
    remaining_retries: left(activeRetries, maxRetries),
  };
};

const open = (used: number, limit: number): number => (used >= limit ? 1 : 0);
const left = (used: number, limit: number): number => Math.max(0, limit - used);
