import type {
  RetryPolicy,
  Route,
  RouteAction,
  RouteConfiguration,
  VirtualHost,
} from '@weft/xds-api/gen/envoy/config/route/v3';
import { FAULT_FILTER } from '../route/fault.ts';

/**
 * The routes of a virtual host as gRPC's clients take them: one table for each target, whose only virtual host takes every
 * authority. What they know of routes is in https://github.com/grpc/proposal/blob/master/A28-xds-traffic-splitting-and-routing.md,
 * A31 (timeouts) and A44 (retries); the rest they pass over or, some of it, refuse the whole table for.
 */
export const grpcRoutes = (name: string, host: VirtualHost): RouteConfiguration => {
  const routes = (host.routes ?? []).filter((route) => !route.match?.connectMatcher).flatMap(grpcRoute);
  // A port that is not HTTP by its name has no routes but CONNECT's, which says its cluster.
  const cluster = host.routes?.find((route) => route.match?.connectMatcher)?.route?.cluster;
  const all = routes.length > 0 || cluster === undefined ? routes : [{ match: { prefix: '/' }, route: { cluster } }];
  return { name, virtualHosts: [{ name: host.name ?? name, domains: ['*'], routes: all }] };
};

/** A call has no query: a route that asks for one never matches. */
const grpcRoute = (route: Route): Route[] => {
  const { match, name, metadata, route: action, typedPerFilterConfig } = route;
  if (!match || match.queryParameters?.length) return [];
  const fault = typedPerFilterConfig?.[FAULT_FILTER];
  return [
    {
      ...(name !== undefined && { name }),
      match,
      // A call that matches what only HTTP can do (a redirect, an answer from the proxy) fails; it does not go further down.
      ...(action ? { route: grpcAction(action) } : { nonForwardingAction: {} }),
      ...(action && fault && { typedPerFilterConfig: { [FAULT_FILTER]: fault } }),
      ...(metadata && { metadata }),
    },
  ];
};

const grpcAction = ({ cluster, weightedClusters, timeout, retryPolicy, hashPolicy }: RouteAction): RouteAction => ({
  ...(cluster !== undefined && { cluster }),
  ...(weightedClusters && {
    weightedClusters: {
      clusters: (weightedClusters.clusters ?? []).map((c) => ({ name: c.name ?? '', weight: c.weight ?? 0 })),
    },
  }),
  ...(timeout !== undefined && timeout !== '0s' && { maxStreamDuration: { maxStreamDuration: timeout } }),
  ...grpcRetry(retryPolicy),
  ...(hashPolicy && { hashPolicy }),
});

/** What Envoy retries by the state of a connection, a gRPC client retries by itself, or sees as `unavailable`. */
const grpcRetry = (policy: RetryPolicy | undefined): Pick<RouteAction, 'retryPolicy'> => {
  const conditions = (policy?.retryOn ?? '').split(',').filter((condition) => GRPC_CONDITIONS.has(condition));
  if (!policy || conditions.length === 0) return {};
  return {
    retryPolicy: {
      retryOn: conditions.join(','),
      numRetries: policy.numRetries ?? 1,
      ...(policy.retryBackOff && { retryBackOff: policy.retryBackOff }),
    },
  };
};

const GRPC_CONDITIONS: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);
