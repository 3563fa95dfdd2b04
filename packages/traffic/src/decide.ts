import type { ErrorName } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { checkAll, explainAuthorization } from './authorize.ts';
import { type ExplainStep, explainMatch } from './explain.ts';
import { describeFault, faultApplies, faultPolicy } from './fault.ts';
import { makeLoadBalancer } from './load-balancer.ts';
import { normalizePath } from './normalize-path.ts';
import type { RequestView } from './request.ts';
import { type ForwardAction, pickCluster, type Route, rewritePath } from './route-table.ts';
import type { EndpointConfig, HttpConnectionManagerConfig, RuntimeConfig } from './runtime-config.ts';

/** What becomes of one request, and every step on the way there. */
export interface Decision {
  readonly outcome: Outcome;
  readonly steps: readonly ExplainStep[];
}

export type Outcome =
  | {
      readonly kind: 'forward';
      readonly route: Route;
      readonly cluster: string;
      readonly endpoint: EndpointConfig;
      readonly path: string;
    }
  | { readonly kind: 'redirect'; readonly route: Route; readonly status: number; readonly location: string }
  | { readonly kind: 'direct'; readonly route: Route; readonly status: number; readonly body: string }
  | { readonly kind: 'refuse'; readonly error: ErrorName; readonly status: number };

/**
 * Runs a request through the parts that the proxy runs it through, in the same order: normalise, authorize, route,
 * cluster, endpoint. For explanations: the proxy calls the parts itself, as it has connections, pools and timers to
 * think of between them. `random` stands for the balancer's and the weights' choice.
 */
export const decide = (
  config: RuntimeConfig,
  manager: HttpConnectionManagerConfig,
  request: RequestView,
  random: Random,
): Decision => {
  const steps: ExplainStep[] = [];
  const refuse = (error: ErrorName, status: number): Decision => ({
    outcome: { kind: 'refuse', error, status },
    steps,
  });

  const path =
    manager.normalizePath && request.method !== 'CONNECT' ? normalizePath(request.path, manager) : request.path;
  if (path !== request.path)
    steps.push(step('normalize', request.path, path === null ? 'failed' : 'matched', path ?? 'is refused'));
  if (path === null) return refuse('badRequest', 400);
  const normalized: RequestView = { ...request, path, authority: request.authority.toLowerCase() };

  for (const authorizer of manager.authorizers)
    steps.push(...explainAuthorization(authorizer, request.connection, normalized));
  if (!checkAll(manager.authorizers, request.connection, normalized).allowed) return refuse('accessDenied', 403);

  const table = manager.inlineRoutes ?? config.routeTables.get(manager.routeConfigName ?? '');
  if (!table) {
    steps.push(step('virtual-host', manager.routeConfigName ?? '', 'failed', 'the route table has not come yet'));
    return refuse('noRoute', 404);
  }
  steps.push(...explainMatch(table, normalized));
  const route = table.match(normalized);
  if (!route) return refuse('noRoute', 404);
  const { action } = route;
  const weighted = action.kind === 'forward' ? pickCluster(action.clusters, random) : null;
  const fault = faultPolicy(manager, weighted === null ? route.filters : weighted.filters);
  if (fault && faultApplies(fault, normalized, weighted?.name ?? ''))
    steps.push(step('fault', manager.fault?.name ?? '', 'matched', describeFault(fault)));
  if (action.kind === 'redirect') {
    return {
      outcome: { kind: 'redirect', route, status: action.status, location: action.location(normalized) },
      steps,
    };
  }
  if (action.kind === 'direct')
    return { outcome: { kind: 'direct', route, status: action.status, body: action.body }, steps };

  const name = weighted?.name ?? '';
  for (const { cluster: copy, share } of action.mirrors ?? [])
    steps.push(step('mirror', copy, config.clusters.has(copy) ? 'matched' : 'failed', `a copy of ${share * 100} %`));
  const cluster = config.clusters.get(name);
  const chosen = withShare(action, name);
  if (!cluster) {
    steps.push(step('cluster', chosen, 'failed', 'no such cluster'));
    return refuse('clusterNotFound', action.clusterNotFoundStatus);
  }
  steps.push(step('cluster', chosen, 'matched', ''));
  const usable = cluster.endpoints.filter((endpoint) => endpoint.healthy);
  const hosts = usable.map((endpoint) => ({ endpoint, weight: endpoint.weight, active: 0 }));
  const host = makeLoadBalancer(cluster.loadBalancer, hosts, random).pick(null);
  if (!host) {
    const detail = cluster.warm
      ? `none of ${cluster.endpoints.length} endpoints is healthy`
      : 'its endpoints have not come yet';
    steps.push(step('endpoint', cluster.name, 'failed', detail));
    return refuse('noHealthyUpstream', 503);
  }
  const { endpoint } = host;
  steps.push(
    step(
      'endpoint',
      `${endpoint.address}:${endpoint.port}`,
      'matched',
      `one of ${usable.length}, by ${cluster.loadBalancer.kind}`,
    ),
  );
  return {
    outcome: { kind: 'forward', route, cluster: cluster.name, endpoint, path: rewritePath(action, path) },
    steps,
  };
};

const withShare = ({ clusters: { entries, totalWeight } }: ForwardAction, name: string): string => {
  const weight = entries.find((entry) => entry.name === name)?.weight;
  return entries.length === 1 ? name : `${name} (${weight} of ${totalWeight})`;
};

const step = (
  stage: ExplainStep['stage'],
  subject: string,
  outcome: ExplainStep['outcome'],
  detail: string,
): ExplainStep => ({
  stage,
  subject,
  outcome,
  detail,
  origin: '',
});
