/** Envoy's codec statistics (`http2.*`), shared by all sessions of a listener or cluster. Plain fields, so that counting is free. */
export class Http2Counters {
  goaway_sent = 0;
  header_overflow = 0;
  headers_cb_no_stream = 0;
  inbound_empty_frames_flood = 0;
  inbound_priority_frames_flood = 0;
  inbound_window_update_frames_flood = 0;
  outbound_control_flood = 0;
  outbound_flood = 0;
  rx_messaging_error = 0;
  rx_reset = 0;
  stream_refused_errors = 0;
  trailers = 0;
  tx_reset = 0;
  /** Gauge. */
  streams_active = 0;
  /** Gauge: bytes held for streams whose peer takes none. */
  pending_send_bytes = 0;
}
