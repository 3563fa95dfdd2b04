/**
 * Envoy's OutlierDetection with its defaults filled in. Percentages are 0 to 100; a chance of enforcing of 0 detects and
 * counts only. https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/outlier_detection.proto
 */
export interface OutlierDetectionConfig {
  /** Failures in a row after which a host is an outlier; 0: never. */
  readonly consecutive5xx: number;
  readonly consecutiveGatewayFailure: number;
  /** Counted where `splitExternalLocalOrigin` is set. */
  readonly consecutiveLocalOriginFailure: number;
  readonly intervalMs: number;
  /** A host is out for this long times the number of times in a row that it was ejected, at most `maxEjectionTimeMs`. */
  readonly baseEjectionTimeMs: number;
  readonly maxEjectionTimeMs: number;
  /** Added to each ejection, uniform in [0, this]. */
  readonly maxEjectionTimeJitterMs: number;
  readonly maxEjectionPercent: number;
  /** One host may be out whatever `maxEjectionPercent` says. */
  readonly alwaysEjectOneHost: boolean;
  /** Failures to connect and timeouts are counted apart from what the host answered; else as 503 and 504. */
  readonly splitExternalLocalOrigin: boolean;
  readonly successRateMinimumHosts: number;
  readonly successRateRequestVolume: number;
  /** Thousandths of a standard deviation below the mean. */
  readonly successRateStdevFactor: number;
  readonly failurePercentageThreshold: number;
  readonly failurePercentageMinimumHosts: number;
  readonly failurePercentageRequestVolume: number;
  readonly enforcing: Readonly<Record<EjectionType, number>>;
}

/** Why a host is an outlier; named as Envoy's counters `ejections_enforced_…` and `ejections_detected_…`. */
export type EjectionType =
  | 'consecutive_5xx'
  | 'consecutive_gateway_failure'
  | 'consecutive_local_origin_failure'
  | 'success_rate'
  | 'local_origin_success_rate'
  | 'failure_percentage'
  | 'local_origin_failure_percentage';
