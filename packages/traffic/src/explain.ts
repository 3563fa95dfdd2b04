import { CompiledRouteTable, needsTls } from './compiled-route-table.ts';
import type { RequestView } from './request.ts';
import type { Route, RouteTable } from './route-table.ts';

/** One thing that was looked at on the way to a decision, in order. */
export interface ExplainStep {
  readonly stage: 'normalize' | 'authorize' | 'virtual-host' | 'route' | 'fault' | 'cluster' | 'mirror' | 'endpoint';
  /** What was looked at: a route's, policy's, cluster's name. */
  readonly subject: string;
  readonly outcome: 'matched' | 'not-matched' | 'failed' | 'unknown';
  /** For what did not match, the first condition that did not hold. */
  readonly detail: string;
  /** `KIND/NAMESPACE/NAME/RULE` of the object it comes from; empty if unknown. */
  readonly origin: string;
}

/** Walks the very structure that `match` walks. The last step of stage `route` has matched if `match` finds a route. */
export const explainMatch = (table: RouteTable, request: RequestView): ExplainStep[] => {
  if (!(table instanceof CompiledRouteTable)) return [];
  const host = table.virtualHost(request);
  if (!host) {
    return [step('virtual-host', table.name, 'not-matched', `no virtual host for "${request.authority}"`, '')];
  }
  const steps = [step('virtual-host', host.name, 'matched', `authority "${request.authority}"`, '')];
  if (needsTls(host, request)) {
    steps.push(step('route', host.tlsRedirect?.name ?? '', 'matched', 'plain HTTP is redirected to HTTPS', ''));
    return steps;
  }
  for (const { matcher, route } of host.entries) {
    const failure = matcher.firstFailure(request);
    const matched = failure === null;
    steps.push(
      step('route', routeTitle(route), matched ? 'matched' : 'not-matched', failure ?? String(matcher), route.origin),
    );
    if (matched) break;
  }
  return steps;
};

/** The virtual cluster a request counts for: the first of its virtual host that matches, else Envoy's `other`. */
export const virtualClusterOf = (table: RouteTable, request: RequestView): string => {
  const host = table instanceof CompiledRouteTable ? table.virtualHost(request) : null;
  if (!host) return '';
  return host.virtualClusters.find((c) => c.headers.every((header) => header.matches(request)))?.name ?? 'other';
};

const routeTitle = (route: Route): string => route.name || route.virtualHost.name;

const step = (
  stage: ExplainStep['stage'],
  subject: string,
  outcome: ExplainStep['outcome'],
  detail: string,
  origin: string,
): ExplainStep => ({ stage, subject, outcome, detail, origin });
