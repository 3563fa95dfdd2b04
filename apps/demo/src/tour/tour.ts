import type { Shop } from '../shop.ts';
import { allowByPrincipal, denyByPath } from './authorization.ts';
import { chaos } from './chaos.ts';
import type { TourCheck } from './check.ts';
import { abortFault, delayFault, mirror } from './faults.ts';
import { liveWeights } from './live-change.ts';
import { metricNames, metricsEqualApplications, metricsEqualLoad } from './metrics.ts';
import { callerIdentity, permissive, strict, tcp } from './mutual-tls.ts';
import { breaker, outlier, perTryTimeout } from './resilience.ts';
import { readiness } from './readiness.ts';
import { retry } from './retry.ts';
import { tracing } from './tracing.ts';
import { headerRoute, timeout, weightedSplit } from './routing.ts';

/** In this order: the counters are compared when everything has been through the mesh. */
export const tour: readonly TourCheck[] = [
  weightedSplit,
  headerRoute,
  retry,
  timeout,
  delayFault,
  abortFault,
  mirror,
  perTryTimeout,
  outlier,
  breaker,
  strict,
  permissive,
  callerIdentity,
  allowByPrincipal,
  denyByPath,
  tcp,
  readiness,
  liveWeights,
  tracing,
  metricsEqualLoad,
  metricsEqualApplications,
  metricNames,
  // Last: who is killed loses its counters.
  ...chaos,
];

export interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Runs one check after the other and tells of each; a failure does not keep the others from running. */
export const runTour = async (
  shop: Shop,
  checks: readonly TourCheck[],
  tell: (outcome: Outcome) => void,
): Promise<boolean> => {
  let ok = true;
  for (const { name, run } of checks) {
    let outcome: Outcome;
    try {
      outcome = { name, ok: true, detail: await run(shop) };
    } catch (error) {
      outcome = { name, ok: false, detail: (error as Error).message };
      ok = false;
    }
    tell(outcome);
  }
  return ok;
};
