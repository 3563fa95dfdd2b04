import { httpRules } from '@weft/model/delegation';
import type { HTTPMatchRequest } from '@weft/model/kinds/http-match';
import type { HTTPRoute } from '@weft/model/kinds/http-route';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject, Pod } from '@weft/model/mesh';
import type { Route } from '@weft/xds-api/gen/envoy/config/route/v3';
import type { Any } from '@weft/xds-api/well-known';
import { outboundCluster } from '../names.ts';
import { forward, type RouteContext } from './action.ts';
import { matchesForCaller } from './caller.ts';
import { CORS_FILTER, cors } from './cors.ts';
import { FAULT_FILTER, fault } from './fault.ts';
import { headerChanges } from './headers.ts';
import { routeMatch } from './match.ts';
import { directResponse, redirect } from './redirect.ts';
import { defaultRetry } from './retry.ts';

/**
 * The routes of a VirtualService for requests of `caller` to `port`, in its order: one for each match. Those of a delegate
 * stand where it was delegated to, and say the delegate as their origin.
 */
export const virtualServiceRoutes = (
  mesh: Mesh,
  source: MeshObject<VirtualService>,
  caller: Pod,
  port: number,
): Route[] =>
  httpRules(mesh, source).flatMap(({ rule, of, index }) => {
    const matches = matchesForCaller(rule, caller, port);
    const action = matches && actionOf(rule, { mesh, namespace: of.namespace, port });
    if (!matches || !action) return [];
    const { kind, namespace, name } = of;
    const filters = filterConfigs(rule);
    return matches.map((match) => ({
      ...nameOf(rule, match),
      match: routeMatch(match),
      ...action,
      ...(filters && { typedPerFilterConfig: filters }),
      metadata: { filterMetadata: { weft: { kind, namespace, name, rule: index } } },
    }));
  });

/** What the filters of the outbound listener do to the requests of a rule, by filter. */
const filterConfigs = (rule: HTTPRoute): Record<string, Any> | undefined => {
  if (!rule.fault && !rule.corsPolicy) return undefined;
  return {
    ...(rule.fault && { [FAULT_FILTER]: fault(rule.fault) }),
    ...(rule.corsPolicy && { [CORS_FILTER]: cors(rule.corsPolicy) }),
  };
};

/** As Istio names routes: the rule's name, then the match's. */
const nameOf = (rule: HTTPRoute, match: HTTPMatchRequest | undefined): Pick<Route, 'name'> => {
  const name = [rule.name, match?.name].filter((part) => part).join('.');
  return name ? { name } : {};
};

/** Undefined: a rule that does nothing: it is left out, as the model has said. */
const actionOf = (rule: HTTPRoute, context: RouteContext): Partial<Route> | undefined => {
  const headers = headerChanges(rule.headers);
  if (rule.redirect) return { redirect: redirect(rule.redirect, context.port), ...headers };
  if (rule.directResponse) return { directResponse: directResponse(rule.directResponse), ...headers };
  const [only] = rule.route ?? [];
  if (!only) return undefined;
  if (rule.route?.length === 1) return { route: forward(rule, context), ...headerChanges(both(rule, only.headers)) };
  // Weights that are all missing or 0 send a request nowhere, and Envoy refuses such a table: the model reports it.
  if (!rule.route?.some((destination) => destination.weight)) return undefined;
  return { route: forward(rule, context), ...headers };
};

/** With a single destination its header operations are the route's too; they come after and win. */
const both = (rule: HTTPRoute, own: HTTPRoute['headers']): HTTPRoute['headers'] => ({
  request: merge(rule.headers?.request, own?.request),
  response: merge(rule.headers?.response, own?.response),
});

type Operations = NonNullable<NonNullable<HTTPRoute['headers']>['request']>;

const merge = (a: Operations | undefined, b: Operations | undefined): Operations => ({
  set: { ...a?.set, ...b?.set },
  add: { ...a?.add, ...b?.add },
  remove: [...(a?.remove ?? []), ...(b?.remove ?? [])],
});

/** Requests to a service that no VirtualService routes. */
export const defaultRoute = (port: number, host: string): Route => ({
  name: 'default',
  match: { prefix: '/' },
  route: {
    cluster: outboundCluster(port, '', host),
    timeout: '0s',
    maxGrpcTimeout: '0s',
    retryPolicy: defaultRetry,
  },
});
