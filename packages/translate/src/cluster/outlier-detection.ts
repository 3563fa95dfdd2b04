import { parseDurationMs, protoDuration } from '@weft/base/duration';
import type { OutlierDetection as Settings } from '@weft/model/kinds/traffic-policy';
import type { Cluster, OutlierDetection } from '@weft/xds-api/gen/envoy/config/cluster/v3';

/**
 * Ejection for failures in a row, as Istio translates it: no success rates, an error count of 0 turns its kind off, and
 * traffic to ejected hosts (panic) only below `minHealthPercent`, by default never. Envoy's defaults hold for the rest:
 * five 5xx in a row, looked at every 10 s, out for 30 s, at most 10 % of the hosts: of less than ten none, so
 * `maxEjectionPercent` is what most users need to give.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection
 */
export const outlierDetection = (
  settings: Settings | undefined,
): Pick<Cluster, 'outlierDetection' | 'commonLbConfig'> => {
  if (!settings) return {};
  return {
    outlierDetection: {
      enforcingSuccessRate: 0,
      ...consecutive(settings),
      ...(settings.interval !== undefined && { interval: duration(settings.interval) }),
      ...(settings.baseEjectionTime !== undefined && { baseEjectionTime: duration(settings.baseEjectionTime) }),
      ...(settings.maxEjectionPercent && { maxEjectionPercent: settings.maxEjectionPercent }),
    },
    commonLbConfig: { healthyPanicThreshold: { value: settings.minHealthPercent ?? 0 } },
  };
};

const duration = (text: string): string => protoDuration(parseDurationMs(text) ?? 0);

const consecutive = (settings: Settings): OutlierDetection => {
  const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures } = settings;
  const enforced = (errors: number): number => (errors > 0 ? 100 : 0);
  return {
    ...(consecutive5xxErrors !== undefined && {
      consecutive5xx: consecutive5xxErrors,
      enforcingConsecutive5xx: enforced(consecutive5xxErrors),
    }),
    ...(consecutiveGatewayErrors !== undefined && {
      consecutiveGatewayFailure: consecutiveGatewayErrors,
      enforcingConsecutiveGatewayFailure: enforced(consecutiveGatewayErrors),
    }),
    ...(settings.splitExternalLocalOriginErrors && {
      splitExternalLocalOriginErrors: true,
      enforcingLocalOriginSuccessRate: 0,
      ...(consecutiveLocalOriginFailures && {
        consecutiveLocalOriginFailure: consecutiveLocalOriginFailures,
        enforcingConsecutiveLocalOriginFailure: 100,
      }),
    }),
  };
};
