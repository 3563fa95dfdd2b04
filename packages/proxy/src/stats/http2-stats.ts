import { Http2Counters } from '@weft/wire/http2/counters';

/**
 * `http2.*`, and `cluster.<name>.http2.*`: what the codec counts, and what takes a clock.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/stats#http-2-codec-statistics
 */
export class Http2Stats extends Http2Counters {
  keepalive_timeout = 0;
  /** Streams given up because the client did not take their response. */
  tx_flush_timeout = 0;
}
