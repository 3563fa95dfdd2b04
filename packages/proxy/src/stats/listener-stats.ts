import { TlsStats } from './cluster-stats.ts';
import { StatHistogram } from './stat-histogram.ts';

/**
 * What a listener counts: `listener.<address>_<port>.<field>`.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/stats
 */
export class ListenerStats {
  downstream_cx_total = 0;
  downstream_cx_destroy = 0;
  /** A gauge. */
  downstream_cx_active = 0;
  /** Refused: the listener's own limit, the process' limit, an overload. */
  downstream_global_cx_overflow = 0;
  /** Sockets whose first bytes are awaited: a gauge, and those that took too long. */
  downstream_pre_cx_active = 0;
  downstream_pre_cx_timeout = 0;
  downstream_listener_filter_remote_close = 0;
  /** A PROXY header that is missing, malformed or of a version that is not allowed. */
  downstream_proxy_protocol_error = 0;
  no_filter_chain_match = 0;
  readonly downstream_cx_length_ms = new StatHistogram();
  /** Made with the first TLS connection. */
  ssl: TlsStats | null = null;

  get tls(): TlsStats {
    this.ssl ??= new TlsStats();
    return this.ssl;
  }
}

/** `listener_manager.*` */
export class ListenerManagerStats {
  listener_added = 0;
  listener_modified = 0;
  listener_removed = 0;
  listener_create_success = 0;
  listener_create_failure = 0;
  /** Gauges. */
}
