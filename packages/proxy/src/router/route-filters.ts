import { allowedOrigin, type CorsPolicy, isPreflight, preflightHeaders } from '@weft/traffic/cors';
import { drawAbort, drawDelay, type FaultPolicy, faultApplies, faultPolicy } from '@weft/traffic/fault';
import type { FilterConfigs } from '@weft/traffic/route-table';
import type { Exchange } from './exchange.ts';

/**
 * The filters between the choice of a route and the router, for requests of routes that configure them: faults, then
 * CORS. `go` sends the request on; it is called at once, later, or, if the request is answered here, never.
 * `cluster`: where it would go; empty for a route that answers itself.
 */
export const runRouteFilters = (x: Exchange, filters: FilterConfigs | null, cluster: string, go: () => void): void => {
  const { manager } = x.service;
  const policy = faultPolicy(manager, filters);
  const cors = cluster === '' || manager.cors === null ? null : (filters?.cors.get(manager.cors.name) ?? null);
  const afterFault = (): void => {
    if (cors === null || !answersPreflight(x, cors)) go();
  };
  if (policy === null) afterFault();
  else injectFault(x, policy, cluster, afterFault);
};

const injectFault = (x: Exchange, policy: FaultPolicy, cluster: string, go: () => void): void => {
  const { random } = x.service.context;
  const stats = x.service.stats.fault;
  if (stats.active_faults >= policy.maxActive) {
    stats.faults_overflow++;
    go();
    return;
  }
  if (!faultApplies(policy, x, cluster)) {
    go();
    return;
  }
  const abortOrGo = (): void => {
    if (drawAbort(policy, random)) abort(x, policy, cluster);
    else go();
  };
  const delayMs = drawDelay(policy, random);
  if (delayMs === 0) {
    abortOrGo();
    return;
  }
  stats.delays_injected++;
  x.countFault();
  x.flags = 'DI';
  x.hold(delayMs, abortOrGo);
};

/** Answered in the place of the upstream, to which metrics ascribe it; no retry sees it. */
const abort = (x: Exchange, policy: FaultPolicy, cluster: string): void => {
  const { context, stats } = x.service;
  stats.fault.aborts_injected++;
  x.countFault();
  if (cluster !== '') x.cluster = context.clusters.get(cluster);
  const flags = x.flags === 'DI' ? 'DI,FI' : 'FI';
  x.flags = '';
  x.reply({
    status: policy.abortStatus,
    body: policy.abortBody,
    flags,
    details: 'fault_filter_abort',
    ...(policy.abortGrpcStatus >= 0 && { grpcStatus: policy.abortGrpcStatus }),
  });
};

/** True if the request was a preflight and is answered; else its response will say what the policy allows. */
const answersPreflight = (x: Exchange, policy: CorsPolicy): boolean => {
  if (policy.share < 1 && x.service.context.random() >= policy.share) return false;
  const origin = allowedOrigin(policy, x);
  if (origin === null) return false;
  const stats = x.service.stats.cors;
  if (origin === '') stats.origin_invalid++;
  else {
    stats.origin_valid++;
    x.cors = policy;
    x.corsOrigin = origin;
  }
  if (!isPreflight(x) || (origin === '' && policy.forwardsUnmatchedPreflights)) return false;
  x.reply({ status: 200, body: '', flags: '', details: 'cors_response' }, preflightHeaders(policy, x, origin));
  return true;
};
