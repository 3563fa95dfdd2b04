import { parseDurationMs, protoDuration } from '@weft/base/duration';
import { resolveHost } from '@weft/model/host';
import type { Destination, HTTPRoute, HTTPRouteDestination } from '@weft/model/kinds/http-route';
import type { Mesh } from '@weft/model/mesh';
import type { RouteAction } from '@weft/xds-api/gen/envoy/config/route/v3';
import { outboundCluster } from '../names.ts';
import { authorityOf, headerChanges } from './headers.ts';
import { mirrorPolicies, mirrorsOf } from './mirror.ts';
import { retryPolicy } from './retry.ts';

/** Where the routes of a virtual host are made: for the names and ports that destinations leave out. */
export interface RouteContext {
  readonly mesh: Mesh;
  /** Of the object that the rule is in. */
  readonly namespace: string;
  /** Of the virtual host. */
  readonly port: number;
}

/** Forwarding. No timeout unless one is given: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute */
export const forward = (rule: HTTPRoute, context: RouteContext): RouteAction => {
  const destinations = rule.route ?? [];
  const retry = retryPolicy(rule.retries);
  const only = destinations.length === 1 ? destinations[0] : undefined;
  const mirrors = mirrorPolicies(rule, (destination) => clusterOf(destination, context));
  const regex = rule.rewrite?.uriRegexRewrite;
  const authority = rule.rewrite?.authority || authorityOf(only?.headers) || authorityOf(rule.headers);
  const timeout = protoDuration(parseDurationMs(rule.timeout ?? '0s') ?? 0);
  return {
    ...clusters(destinations, context),
    timeout,
    // As Istio: callers of gRPC may say how long they wait, up to the route's own limit.
    maxGrpcTimeout: timeout,
    ...(retry && { retryPolicy: retry }),
    ...(rule.rewrite?.uri && { prefixRewrite: rule.rewrite.uri }),
    ...(regex && { regexRewrite: { pattern: { regex: regex.match }, substitution: regex.rewrite } }),
    ...(authority && { hostRewriteLiteral: authority }),
    ...(mirrors.length > 0 && { requestMirrorPolicies: mirrors }),
  };
};

/**
 * A destination that does not exist keeps its share, which is answered 503 for want of its cluster: it is neither given
 * to the others nor does it stop them.
 */
const clusters = (
  destinations: readonly HTTPRouteDestination[],
  context: RouteContext,
): Pick<RouteAction, 'cluster' | 'weightedClusters'> => {
  const [only] = destinations;
  if (only && destinations.length === 1) return { cluster: clusterOf(only.destination, context) };
  return {
    weightedClusters: {
      clusters: destinations
        .filter(({ weight }) => weight)
        .map(({ destination, weight, headers }) => {
          const authority = authorityOf(headers);
          return {
            name: clusterOf(destination, context),
            weight,
            ...headerChanges(headers),
            ...(authority && { hostRewriteLiteral: authority }),
          };
        }),
    },
  };
};

/** A destination's port may be left out: then the service's only one, else that of the request. */
export const clusterOf = (
  { host, subset, port }: Destination,
  { mesh, namespace, port: requested }: RouteContext,
): string => {
  const name = resolveHost(host, namespace, mesh);
  const ports = mesh.services.get(name)?.ports ?? [];
  const only = ports.length === 1 ? ports[0]?.port : undefined;
  return outboundCluster(port?.number ?? only ?? requested, subset ?? '', name);
};

/** Hosts whose services decide about a rule's clusters, fully qualified. */
export const destinationHosts = (rule: HTTPRoute, namespace: string, mesh: Mesh): string[] =>
  [...(rule.route ?? []), ...mirrorsOf(rule)].map(({ destination }) => resolveHost(destination.host, namespace, mesh));
