import type { Route, RouteMatch, VirtualHost } from '@weft/xds-api/gen/envoy/config/route/v3';
import { remember } from '../memo.ts';

/**
 * The same virtual host, whose routes say what spans are called: as in Istio the host and port that a route leads to
 * and what it matches, `reviews.default.svc.cluster.local:9080/*`.
 */
export const withOperations = (host: VirtualHost): VirtualHost =>
  remember(host, 'operations', [], () => ({
    ...host,
    routes: (host.routes ?? []).map((route) => ({
      ...route,
      decorator: { operation: `${target(route) ?? host.name}${pathOf(route.match)}` },
    })),
  }));

/** `host:port` of `outbound|port|subset|host`; undefined for a route that goes to several, or nowhere. */
const target = ({ route }: Route): string | undefined => {
  const [direction, port, , name] = route?.cluster?.split('|') ?? [];
  return direction === 'outbound' ? `${name}:${port}` : undefined;
};

const pathOf = (match: RouteMatch | undefined): string => {
  if (match?.path !== undefined) return match.path;
  if (match?.safeRegex?.regex !== undefined) return match.safeRegex.regex;
  return `${match?.prefix ?? match?.pathSeparatedPrefix ?? '/'}*`;
};
