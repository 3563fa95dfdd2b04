import type { TLSSocket } from 'node:tls';
import type { ClusterStats } from '../stats/cluster-stats.ts';
import { connectFailure } from './connect-failure.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** A connection is made. */
export const countConnected = (stats: ClusterStats, connection: UpstreamConnection, nowMs: number): void => {
  stats.upstream_cx_connect_ms.record(nowMs - connection.createdMs);
  if (connection.group.kind === 'auto') {
    if (connection.http2 === null) stats.upstream_cx_http1_total++;
    else stats.upstream_cx_http2_total++;
  }
  if (connection.tlsKey === '') return;
  stats.tls.handshake++;
  if ((connection.socket as TLSSocket).isSessionReused()) stats.tls.session_reused++;
};

/** A connection has ended, or was never made. */
export const countClosed = (
  stats: ClusterStats,
  connection: UpstreamConnection,
  wasConnecting: boolean,
  error: Error | null,
  nowMs: number,
): void => {
  const { socket, endedByHost, busy } = connection;
  stats.upstream_cx_rx_bytes_total += socket.bytesRead;
  stats.upstream_cx_tx_bytes_total += socket.bytesWritten;
  if (wasConnecting) {
    stats.upstream_cx_connect_fail++;
    if (connectFailure(error).kind === 'timeout') stats.upstream_cx_connect_timeout++;
    if (connection.tlsKey !== '' && error?.message.startsWith('TLS_error')) stats.tls.fail_verify_san++;
    return;
  }
  stats.upstream_cx_length_ms.record(nowMs - connection.createdMs);
  stats.upstream_cx_destroy++;
  if (endedByHost) stats.upstream_cx_destroy_remote++;
  else stats.upstream_cx_destroy_local++;
  if (!busy) return;
  stats.upstream_cx_destroy_with_active_rq++;
  if (endedByHost) stats.upstream_cx_destroy_remote_with_active_rq++;
  else stats.upstream_cx_destroy_local_with_active_rq++;
};
