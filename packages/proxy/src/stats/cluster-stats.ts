import { Http2Stats } from './http2-stats.ts';
import { ResponseCodes } from './response-codes.ts';
import { StatHistogram } from './stat-histogram.ts';

/**
 * What a cluster counts, in fields named as Envoy's counters (`cluster.<name>.<field>`): whoever sees the event adds to
 * the field, and names, sums and gauges are made when somebody asks. Gauges that the cluster has anyway
 * (`upstream_rq_active`, `membership_total`, what is left of the circuit breakers) are read from it and are not here.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
 */
export class ClusterStats {
  /** Connections made or being made; ended ones: by us, by the host; those that never were. */
  upstream_cx_total = 0;
  upstream_cx_http1_total = 0;
  upstream_cx_http2_total = 0;
  upstream_cx_connect_fail = 0;
  upstream_cx_connect_timeout = 0;
  upstream_cx_idle_timeout = 0;
  upstream_cx_max_duration_reached = 0;
  /** A connection was needed and the circuit breaker of connections was open. */
  upstream_cx_overflow = 0;
  upstream_cx_destroy = 0;
  upstream_cx_destroy_local = 0;
  upstream_cx_destroy_remote = 0;
  upstream_cx_destroy_with_active_rq = 0;
  upstream_cx_destroy_local_with_active_rq = 0;
  upstream_cx_destroy_remote_with_active_rq = 0;
  /** Closed by `connection: close` or a GOAWAY. */
  upstream_cx_close_notify = 0;
  /** No host to connect to. */
  upstream_cx_none_healthy = 0;
  /** Closed after `max_requests_per_connection`. */
  upstream_cx_max_requests = 0;
  upstream_cx_protocol_error = 0;
  upstream_cx_rx_bytes_total = 0;
  upstream_cx_tx_bytes_total = 0;

  /** Attempts that got a connection. */
  upstream_rq_total = 0;
  /** Attempts that had to wait for one, and those refused or failed while waiting. */
  upstream_rq_pending_total = 0;
  upstream_rq_pending_overflow = 0;
  upstream_rq_pending_failure_eject = 0;
  upstream_rq_cancelled = 0;
  upstream_rq_timeout = 0;
  upstream_rq_per_try_timeout = 0;
  upstream_rq_per_try_idle_timeout = 0;
  upstream_rq_rx_reset = 0;
  upstream_rq_tx_reset = 0;
  upstream_rq_retry = 0;
  upstream_rq_retry_backoff_exponential = 0;
  upstream_rq_retry_backoff_ratelimited = 0;
  upstream_rq_retry_limit_exceeded = 0;
  upstream_rq_retry_overflow = 0;
  upstream_rq_retry_success = 0;
  /** Reading from the upstream was paused for a slow downstream; and the other way round. */
  upstream_flow_control_paused_reading_total = 0;
  upstream_flow_control_resumed_reading_total = 0;
  upstream_flow_control_backed_up_total = 0;
  upstream_flow_control_drained_total = 0;
  /** A request's body was too large to be kept for a retry or a mirror. */
  retry_or_shadow_abandoned = 0;

  membership_change = 0;
  update_attempt = 0;
  update_success = 0;
  update_empty = 0;
  update_no_rebuild = 0;
  lb_healthy_panic = 0;

  /** `upstream_rq_<code>`, `upstream_rq_<N>xx`, `upstream_rq_completed`. */
  readonly responses = new ResponseCodes();
  /** Milliseconds. */
  readonly upstream_rq_time = new StatHistogram();
  readonly upstream_cx_connect_ms = new StatHistogram();
  readonly upstream_cx_length_ms = new StatHistogram();

  readonly outlier_detection = new OutlierDetectionStats();
  /** `http2.*`; made with the first HTTP/2 connection. */
  http2: Http2Stats | null = null;
  /** Null: the cluster has no health checks. */
  health_check: HealthCheckStats | null = null;
  /** `cluster.<name>.ssl.*`; made with the first TLS connection. */
  ssl: TlsStats | null = null;

  get h2(): Http2Stats {
    this.http2 ??= new Http2Stats();
    return this.http2;
  }

  get health(): HealthCheckStats {
    this.health_check ??= new HealthCheckStats();
    return this.health_check;
  }

  get tls(): TlsStats {
    this.ssl ??= new TlsStats();
    return this.ssl;
  }
}

/** `cluster.<name>.outlier_detection.*`. Enforced: the host was ejected; detected: it would have been. */
export class OutlierDetectionStats {
  /** A gauge: hosts that are ejected now. */
  ejections_active = 0;
  ejections_enforced_total = 0;
  /** Not ejected as too many are already. */
  ejections_overflow = 0;
  ejections_enforced_consecutive_5xx = 0;
  ejections_detected_consecutive_5xx = 0;
  ejections_enforced_consecutive_gateway_failure = 0;
  ejections_detected_consecutive_gateway_failure = 0;
  ejections_enforced_consecutive_local_origin_failure = 0;
  ejections_detected_consecutive_local_origin_failure = 0;
  ejections_enforced_success_rate = 0;
  ejections_detected_success_rate = 0;
  ejections_enforced_local_origin_success_rate = 0;
  ejections_detected_local_origin_success_rate = 0;
  ejections_enforced_failure_percentage = 0;
  ejections_detected_failure_percentage = 0;
  ejections_enforced_local_origin_failure_percentage = 0;
  ejections_detected_local_origin_failure_percentage = 0;
}

/** `cluster.<name>.health_check.*`: https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats#health-check-statistics */
export class HealthCheckStats {
  attempt = 0;
  success = 0;
  failure = 0;
  /** Of the failures, those without any answer. */
  network_failure = 0;
  /** A gauge: hosts that are well. */
  healthy = 0;
}

/** `<scope>.ssl.*`: https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/stats#tls-statistics */
export class TlsStats {
  connection_error = 0;
  handshake = 0;
  session_reused = 0;
  no_certificate = 0;
  fail_verify_no_cert = 0;
  fail_verify_error = 0;
  fail_verify_san = 0;
}
