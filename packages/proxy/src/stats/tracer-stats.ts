/** What an exporter of spans counts: `tracing.<zipkin|opentelemetry>.<field>`, as Envoy's Zipkin tracer. */
export class TracerStats {
  spans_sent = 0;
  timer_flushed = 0;
  /** Messages to the collector: without anybody to send them to, taken, refused, failed. */
  reports_skipped_no_cluster = 0;
  reports_sent = 0;
  reports_dropped = 0;
  reports_failed = 0;
  /** Weft's own: spans that were given up. */
  spans_dropped = 0;
}
