import { emptyAccessRecord } from '@weft/telemetry/access-record';
import type { ConnectionView } from '@weft/traffic/request';
import type { Cluster, Host } from '../context.ts';
import { unknownPeer } from '../headers/peer-metadata.ts';
import { destinationService, endpointLabels } from '../router/labels.ts';
import type { PeerLabels, TcpLabels, TcpMetrics } from '../telemetry.ts';
import type { TcpService } from './tcp-proxy.ts';

/** How a connection went, as far as it got. */
export interface TcpOutcome {
  readonly service: TcpService;
  readonly view: ConnectionView;
  readonly startMs: number;
  readonly attempts: number;
  cluster: Cluster | null;
  host: Host | null;
  /** The server's SPIFFE id; empty without mTLS. */
  principal: string;
  /** Who the client said it is; null: it said nothing. */
  peer: PeerLabels | null;
  /** From the client, and to it. */
  received: number;
  sent: number;
  flags: string;
}

/** Istio's metrics of one connection: opened, bytes now and then, closed. */
export class TcpReport {
  #metrics: TcpMetrics | null = null;
  #received = 0;
  #sent = 0;

  /** Once it is known who takes part. */
  opened(outcome: TcpOutcome): void {
    if (this.#metrics !== null) return;
    this.#metrics = outcome.service.context.telemetry.tcp(labelsOf(outcome));
    this.#metrics.opened();
  }

  /** What was not reported yet of a connection that goes on. */
  progress(outcome: TcpOutcome): void {
    const { received, sent } = outcome;
    if (this.#metrics === null || (received === this.#received && sent === this.#sent)) return;
    this.#metrics.transferred(received - this.#received, sent - this.#sent);
    this.#received = received;
    this.#sent = sent;
  }

  /** One that never got anywhere is, as in Istio, one that was opened and closed. */
  closed(outcome: TcpOutcome): void {
    this.opened(outcome);
    const { received, sent, flags } = outcome;
    this.#metrics?.closed(received - this.#received, sent - this.#sent, flags || '-');
    logTcp(outcome);
  }
}

const labelsOf = ({ service, view, cluster, host, principal, peer }: TcpOutcome): TcpLabels => {
  const { context, direction } = service;
  const inbound = direction === 'inbound';
  const { mtls, peerPrincipal } = view;
  const { local } = context;
  const destination = destinationService(cluster, host);
  const secured = inbound ? mtls : principal !== '';
  return {
    reporter: inbound ? 'destination' : 'source',
    source: inbound ? (peer ?? callerOf(peerPrincipal)) : local.labels,
    sourcePrincipal: (secured && (inbound ? peerPrincipal : local.principal)) || 'unknown',
    destination: inbound ? local.labels : endpointLabels(host),
    destinationPrincipal: (secured && (inbound ? local.principal : principal)) || 'unknown',
    destinationService: destination.host,
    destinationServiceName: destination.name,
    destinationServiceNamespace: destination.namespace,
    connectionSecurityPolicy: inbound ? (mtls ? 'mutual_tls' : 'none') : 'unknown',
  };
};

/** Of a caller that does not say who it is, its identity tells the namespace: `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. */
const callerOf = (principal: string): PeerLabels => {
  const namespace = /\/ns\/([^/]+)\//.exec(principal)?.[1];
  return namespace === undefined ? unknownPeer : { ...unknownPeer, namespace };
};

const logTcp = (outcome: TcpOutcome): void => {
  const { service, view, host, cluster, flags, received, sent, attempts } = outcome;
  const { accessLogs, context } = service;
  if (accessLogs.length === 0) return;
  const durationMs = context.clock.monotonic() - outcome.startMs;
  const record = {
    ...emptyAccessRecord(),
    startTimeMs: context.clock.now() - durationMs,
    durationMs,
    responseFlags: flags === '' ? '-' : flags,
    requestBytes: received,
    responseBytes: sent,
    upstreamHost: host === null ? '' : `${host.address}:${host.port}`,
    upstreamCluster: cluster === null ? '' : cluster.name,
    downstreamRemoteAddress: `${view.sourceAddress}:${view.sourcePort}`,
    downstreamLocalAddress: `${view.destinationAddress}:${view.destinationPort}`,
    requestedServerName: view.sni,
    downstreamPeerPrincipal: view.peerPrincipal,
    downstreamLocalPrincipal: view.mtls ? context.local.principal : '',
    upstreamPeerPrincipal: outcome.principal,
    attempts,
  };
  for (const log of accessLogs) log.write(record);
};
