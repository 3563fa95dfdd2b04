import { ResponseCodes } from './response-codes.ts';
import { StatHistogram } from './stat-histogram.ts';

/**
 * What an HTTP connection manager counts: `http.<stat_prefix>.<field>`, with those of its router and its filters.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/stats
 */
export class HttpStats {
  downstream_cx_total = 0;
  downstream_cx_ssl_total = 0;
  downstream_cx_http1_total = 0;
  downstream_cx_http2_total = 0;
  downstream_cx_upgrades_total = 0;
  downstream_cx_destroy = 0;
  downstream_cx_destroy_local = 0;
  downstream_cx_destroy_remote = 0;
  downstream_cx_destroy_active_rq = 0;
  downstream_cx_destroy_local_active_rq = 0;
  downstream_cx_destroy_remote_active_rq = 0;
  /** Gauges. */
  downstream_cx_active = 0;
  downstream_cx_ssl_active = 0;
  downstream_cx_http1_active = 0;
  downstream_cx_http2_active = 0;
  downstream_cx_upgrades_active = 0;
  downstream_cx_protocol_error = 0;
  downstream_cx_rx_bytes_total = 0;
  downstream_cx_tx_bytes_total = 0;
  downstream_cx_drain_close = 0;
  downstream_cx_idle_timeout = 0;
  downstream_cx_max_duration_reached = 0;

  downstream_rq_total = 0;
  downstream_rq_http1_total = 0;
  downstream_rq_http2_total = 0;
  /** A gauge. */
  downstream_rq_active = 0;
  downstream_rq_rx_reset = 0;
  downstream_rq_tx_reset = 0;
  downstream_rq_too_large = 0;
  downstream_rq_failed_path_normalization = 0;
  downstream_rq_response_before_rq_complete = 0;
  downstream_rq_ws_on_non_ws_route = 0;
  downstream_rq_idle_timeout = 0;
  downstream_rq_timeout = 0;
  downstream_rq_max_duration_reached = 0;
  downstream_rq_header_timeout = 0;
  downstream_rq_overload_close = 0;

  /** The router's. */
  no_route = 0;
  no_cluster = 0;
  rq_redirect = 0;
  rq_direct_response = 0;
  rq_total = 0;
  rq_reset_after_downstream_response_started = 0;

  /** `downstream_rq_<N>xx`, `downstream_rq_completed`. */
  readonly responses = new ResponseCodes();
  readonly downstream_cx_length_ms = new StatHistogram();
  readonly downstream_rq_time = new StatHistogram();

  readonly rbac = new RbacStats();
  readonly fault = new FaultStats();
  readonly cors = new CorsStats();
  readonly tracing = new TracingStats();
}

/** `http.<stat_prefix>.rbac.*` */
export class RbacStats {
  allowed = 0;
  denied = 0;
}

/** `http.<stat_prefix>.fault.*` */
export class FaultStats {
  delays_injected = 0;
  aborts_injected = 0;
  faults_overflow = 0;
  /** A gauge. */
  active_faults = 0;
}

/** `http.<stat_prefix>.cors.*` */
export class CorsStats {
  origin_valid = 0;
  origin_invalid = 0;
}

/** `http.<stat_prefix>.tracing.*` */
export class TracingStats {
  random_sampling = 0;
  not_traceable = 0;
}

/** `tcp.<stat_prefix>.*` of the TCP proxy. */
export class TcpStats {
  downstream_cx_total = 0;
  downstream_cx_no_route = 0;
  downstream_cx_tx_bytes_total = 0;
  downstream_cx_rx_bytes_total = 0;
  idle_timeout = 0;
  max_downstream_connection_duration = 0;
  /** A gauge. */
}
