import type { TrafficPolicy } from '@weft/model/kinds/traffic-policy';
import type { CircuitBreakers_Thresholds } from '@weft/xds-api/gen/envoy/config/cluster/v3';

/** Istio's, for what a `retryBudget` leaves out. */
const DEFAULT_PERCENT = 20;
const DEFAULT_MIN_CONCURRENCY = 3;

/**
 * Where nothing is said. When a replica dies, nearly all requests of a client are in their back-off at once, so a share
 * alone would refuse those that a retry saves; the minimum lets a hundred through, and the share bounds the storm of a
 * client with more than five hundred in flight.
 */
const MESH_BUDGET = { budgetPercent: { value: 20 }, minRetryConcurrency: 100 };

/**
 * How many retries may be under way at once: by the DestinationRule's budget, else its `maxRetries`, else the mesh's
 * budget (Istio has no limit there). Envoy does not look at `maxRetries` where there is a budget.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy-RetryBudget
 */
export const retryBudget = (
  budget: TrafficPolicy['retryBudget'],
  maxRetries: number | undefined,
): Pick<CircuitBreakers_Thresholds, 'retryBudget'> => {
  if (budget) {
    const { percent = DEFAULT_PERCENT, minRetryConcurrency = DEFAULT_MIN_CONCURRENCY } = budget;
    return { retryBudget: { budgetPercent: { value: percent }, minRetryConcurrency } };
  }
  return maxRetries ? {} : { retryBudget: MESH_BUDGET };
};
