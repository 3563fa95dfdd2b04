import { peerLabelsOf, unknownPeer } from '../headers/peer-metadata.ts';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import type { AccessRecord, RequestLabels, RequestMetrics, TcpMetrics } from '../telemetry.ts';
import type { Exchange } from './exchange.ts';
import type { DestinationService } from '../context.ts';
import { blackHole, destinationService, endpointLabels } from './labels.ts';

/** The end of every request: its metrics and statistics, its span and its one access record. */
export const report = (x: Exchange, nowMs: number): void => {
  const durationMs = nowMs - x.startMs;
  const flags = x.flags === '' ? '-' : x.flags;
  if (x.tunnelMetrics !== null) x.tunnelMetrics.closed(x.requestBytes, x.responseBytes, flags);
  else if (!x.entered)
    metricsOf(x).record(
      x.status,
      flags,
      x.grpcStatus,
      durationMs,
      x.headBytes + x.requestBytes,
      x.responseHeadBytes + x.responseBytes,
    );
  const { accessLogs, stats, tracer } = x.service;
  stats.downstream_rq_active--;
  if (x.tunnelOpen) stats.downstream_cx_upgrades_active--;
  stats.downstream_rq_time.record(durationMs);
  if (x.status > 0) stats.responses.add(x.status);
  else stats.downstream_rq_rx_reset++;
  const { cluster } = x;
  if (cluster !== null) {
    if (x.status > 0) cluster.stats.responses.add(x.status);
    if (x.upstreamServiceMs >= 0) cluster.stats.upstream_rq_time.record(durationMs);
  }
  if (tracer !== null && x.span !== null && x.span.sampled) tracer.end(x, x.span, durationMs, flags);
  if (accessLogs.length === 0) return;
  const record = accessRecord(x, durationMs, flags);
  for (const log of accessLogs) log.write(record);
};

/** A CONNECT has become a connection: it counts as that, not as a request. */
export const tunnelOpened = (x: Exchange): TcpMetrics => {
  const { telemetry } = x.service.context;
  const metrics = telemetry.tcp(x.service.direction === 'inbound' ? inboundLabels(x) : outboundLabels(x));
  metrics.opened();
  return metrics;
};

const metricsOf = (x: Exchange): RequestMetrics =>
  x.service.direction === 'inbound' ? inboundMetrics(x) : outboundMetrics(x);

/** The handle of the connection's last request serves again while peer and destination stay the same. */
const inboundMetrics = (x: Exchange): RequestMetrics => {
  const { peer, cluster } = x;
  const { context } = x.service;
  const source = x.peerMetadata === '' ? unknownPeer : peerLabelsOf(x.peerMetadata);
  const destination = destinationService(cluster, null);
  const known = peer.metricsFor;
  if (peer.metrics !== null && known[0] === source && known[1] === destination && known[2] === x.grpc) {
    return peer.metrics;
  }
  peer.metrics = context.telemetry.requests(inboundLabels(x));
  peer.metricsFor = [source, destination, x.grpc];
  return peer.metrics;
};

/** Kept with the pool of the host, as the source is always this workload; where there was no host, looked up. */
const outboundMetrics = (x: Exchange): RequestMetrics => {
  const { pool } = x;
  const host = x.upstreamHost;
  const destination = outboundService(x);
  if (pool !== null && pool.metrics !== null) {
    const known = pool.metricsFor;
    const same =
      known[0] === host?.config && known[1] === destination && known[2] === x.upstreamPrincipal && known[3] === x.grpc;
    if (same) return pool.metrics;
  }
  const metrics = x.service.context.telemetry.requests(outboundLabels(x));
  if (pool !== null) {
    pool.metrics = metrics;
    pool.metricsFor = [host?.config, destination, x.upstreamPrincipal, x.grpc];
  }
  return metrics;
};

const inboundLabels = (x: Exchange): RequestLabels => {
  const destination = destinationService(x.cluster, null);
  const { mtls, peerPrincipal } = x.connection;
  const { local } = x.service.context;
  return {
    reporter: 'destination',
    source: x.peerMetadata === '' ? unknownPeer : peerLabelsOf(x.peerMetadata),
    sourcePrincipal: peerPrincipal || 'unknown',
    destination: local.labels,
    destinationPrincipal: mtls ? local.principal : 'unknown',
    destinationService: destination.host,
    destinationServiceName: destination.name,
    destinationServiceNamespace: destination.namespace,
    connectionSecurityPolicy: mtls ? 'mutual_tls' : 'none',
    requestProtocol: x.grpc ? 'grpc' : 'http',
  };
};

const outboundLabels = (x: Exchange): RequestLabels => {
  const destination = outboundService(x);
  const { local } = x.service.context;
  return {
    reporter: 'source',
    source: local.labels,
    sourcePrincipal: x.upstreamPrincipal === '' ? 'unknown' : local.principal,
    destination: endpointLabels(x.upstreamHost),
    destinationPrincipal: x.upstreamPrincipal || 'unknown',
    destinationService: destination.host,
    destinationServiceName: destination.name,
    destinationServiceNamespace: destination.namespace,
    connectionSecurityPolicy: 'unknown',
    requestProtocol: x.grpc ? 'grpc' : 'http',
  };
};

const outboundService = ({ cluster, route, upstreamHost }: Exchange): DestinationService =>
  cluster === null && route?.name === 'block_all' ? blackHole : destinationService(cluster, upstreamHost);

/** `flags`: `-` if there are none. */
export const accessRecord = (x: Exchange, durationMs: number, flags: string): AccessRecord => {
  const view = x.connection;
  return {
    ...emptyAccessRecord(),
    startTimeMs: x.service.context.clock.now() - durationMs,
    durationMs,
    method: x.method,
    path: x.originalPath === '' ? x.path : x.originalPath,
    protocol: x.downstream.protocol,
    authority: x.authority,
    responseCode: x.status,
    responseFlags: flags,
    responseCodeDetails: x.details,
    requestBytes: x.requestBytes,
    responseBytes: x.responseBytes,
    upstreamServiceTimeMs: Math.trunc(x.upstreamServiceMs),
    forwardedFor: x.forwardedFor,
    userAgent: x.userAgent,
    requestId: x.requestId,
    upstreamHost: x.upstreamHost === null ? '' : `${x.upstreamHost.address}:${x.upstreamHost.port}`,
    upstreamCluster: x.cluster === null ? '' : x.cluster.name,
    downstreamRemoteAddress: `${view.sourceAddress}:${view.sourcePort}`,
    downstreamLocalAddress: `${view.destinationAddress}:${view.destinationPort}`,
    requestedServerName: view.sni,
    routeName: x.route === null ? '' : x.route.name,
    attempts: x.attempts,
    requestHeaders: x.headers,
    responseHeaders: x.responseHeaders,
    responseTrailers: x.responseTrailers,
    scheme: x.scheme,
    grpcStatus: x.grpcStatus,
    responseStartMs: x.upstreamServiceMs,
    requestHeadBytes: x.headBytes,
    responseHeadBytes: x.responseHeadBytes,
    upstreamLocalAddress: x.upstreamLocalAddress,
    upstreamProtocol: x.upstreamServiceMs < 0 ? '' : x.upstreamProtocol,
    upstreamTransportFailure: transportFailure(x.details),
    downstreamPeerPrincipal: view.peerPrincipal,
    downstreamLocalPrincipal: view.mtls ? x.service.context.local.principal : '',
    upstreamPeerPrincipal: x.upstreamPrincipal,
    traceId: x.span === null ? '' : x.span.traceId,
  };
};

/** What follows `remote_connection_failure|` in the details of a failed connection. */
const transportFailure = (details: string): string => {
  const at = details.indexOf(TRANSPORT_FAILURE);
  return at === -1 ? '' : details.slice(at + TRANSPORT_FAILURE.length).replace(/\}$/, '');
};

const TRANSPORT_FAILURE = '{remote_connection_failure|';
