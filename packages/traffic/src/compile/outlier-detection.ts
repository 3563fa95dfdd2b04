import type { OutlierDetection } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { OutlierDetectionConfig } from '../outlier/outlier-config.ts';
import { at, durationMs, onlyKnown } from './fields.ts';

const DEFAULT_INTERVAL_MS = 10_000;
const DEFAULT_BASE_EJECTION_MS = 30_000;
const DEFAULT_MAX_EJECTION_MS = 300_000;

/** With Envoy's defaults. Run-time keys and detecting degraded hosts are Envoy's own; monitors are extensions. */
export const compileOutlierDetection = (json: OutlierDetection, path: string): OutlierDetectionConfig => {
  onlyKnown(json, path, used, ['successfulActiveHealthCheckUnejectHost', 'detectDegradedHosts']);
  const duration = (field: 'interval' | 'baseEjectionTime' | 'maxEjectionTime' | 'maxEjectionTimeJitter', ms: number) =>
    durationMs(json[field], ms, at(path, field));
  const baseEjectionTimeMs = duration('baseEjectionTime', DEFAULT_BASE_EJECTION_MS);
  return {
    consecutive5xx: json.consecutive5xx ?? 5,
    consecutiveGatewayFailure: json.consecutiveGatewayFailure ?? 5,
    consecutiveLocalOriginFailure: json.consecutiveLocalOriginFailure ?? 5,
    intervalMs: Math.max(1, duration('interval', DEFAULT_INTERVAL_MS)),
    baseEjectionTimeMs,
    maxEjectionTimeMs: duration('maxEjectionTime', Math.max(baseEjectionTimeMs, DEFAULT_MAX_EJECTION_MS)),
    maxEjectionTimeJitterMs: duration('maxEjectionTimeJitter', 0),
    maxEjectionPercent: Math.min(100, json.maxEjectionPercent ?? 10),
    alwaysEjectOneHost: json.alwaysEjectOneHost ?? false,
    splitExternalLocalOrigin: json.splitExternalLocalOriginErrors ?? false,
    successRateMinimumHosts: json.successRateMinimumHosts ?? 5,
    successRateRequestVolume: json.successRateRequestVolume ?? 100,
    successRateStdevFactor: json.successRateStdevFactor ?? 1900,
    failurePercentageThreshold: json.failurePercentageThreshold ?? 85,
    failurePercentageMinimumHosts: json.failurePercentageMinimumHosts ?? 5,
    failurePercentageRequestVolume: json.failurePercentageRequestVolume ?? 50,
    enforcing: {
      consecutive_5xx: json.enforcingConsecutive5xx ?? 100,
      consecutive_gateway_failure: json.enforcingConsecutiveGatewayFailure ?? 0,
      consecutive_local_origin_failure: json.enforcingConsecutiveLocalOriginFailure ?? 100,
      success_rate: json.enforcingSuccessRate ?? 100,
      local_origin_success_rate: json.enforcingLocalOriginSuccessRate ?? 100,
      failure_percentage: json.enforcingFailurePercentage ?? 0,
      local_origin_failure_percentage: json.enforcingFailurePercentageLocalOrigin ?? 0,
    },
  };
};

const used: readonly (keyof OutlierDetection)[] = [
  'consecutive5xx',
  'interval',
  'baseEjectionTime',
  'maxEjectionPercent',
  'enforcingConsecutive5xx',
  'enforcingSuccessRate',
  'successRateMinimumHosts',
  'successRateRequestVolume',
  'successRateStdevFactor',
  'consecutiveGatewayFailure',
  'enforcingConsecutiveGatewayFailure',
  'splitExternalLocalOriginErrors',
  'consecutiveLocalOriginFailure',
  'enforcingConsecutiveLocalOriginFailure',
  'enforcingLocalOriginSuccessRate',
  'failurePercentageThreshold',
  'enforcingFailurePercentage',
  'enforcingFailurePercentageLocalOrigin',
  'failurePercentageMinimumHosts',
  'failurePercentageRequestVolume',
  'maxEjectionTime',
  'maxEjectionTimeJitter',
  'alwaysEjectOneHost',
];
