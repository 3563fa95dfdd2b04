import { type Counter, type Histogram, type Registry, renderLabels } from './metrics.ts';

/**
 * Istio's standard metrics, https://istio.io/latest/docs/reference/config/metrics/, with its labels under its names, so
 * that Grafana boards and Kiali made for Istio read them.
 */
export interface PeerLabels {
  /** `unknown` where not known, as in Istio. */
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly cluster: string;
}

export interface TcpLabels {
  readonly reporter: 'source' | 'destination';
  readonly source: PeerLabels;
  /** SPIFFE ids; `unknown` without mTLS. */
  readonly sourcePrincipal: string;
  readonly destination: PeerLabels;
  readonly destinationPrincipal: string;
  /** The service's host; `unknown` if there is none. */
  readonly destinationService: string;
  readonly destinationServiceName: string;
  readonly destinationServiceNamespace: string;
  /** Istio's sources say `unknown`: only the destination knows for sure. */
  readonly connectionSecurityPolicy: 'mutual_tls' | 'none' | 'unknown';
}

export interface RequestLabels extends TcpLabels {
  readonly requestProtocol: 'http' | 'grpc';
}

export const UNKNOWN_PEER: PeerLabels = {
  workload: 'unknown',
  namespace: 'unknown',
  app: 'unknown',
  version: 'unknown',
  canonicalName: 'unknown',
  canonicalRevision: 'latest',
  cluster: 'unknown',
};

const COMMON_LABELS = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'connection_security_policy',
];
const TCP_LABELS = [...COMMON_LABELS, 'response_flags'];
const OUTCOME_LABELS = ['response_code', 'response_flags', 'grpc_response_status'];
const REQUEST_LABELS = [...COMMON_LABELS, ...OUTCOME_LABELS];

const commonValues = (l: TcpLabels, requestProtocol: string): string[] => [
  l.reporter,
  l.source.workload,
  l.source.canonicalName,
  l.source.canonicalRevision,
  l.source.namespace,
  l.sourcePrincipal,
  l.source.app,
  l.source.version,
  l.source.cluster,
  l.destination.workload,
  l.destination.namespace,
  l.destinationPrincipal,
  l.destination.app,
  l.destination.version,
  l.destinationService,
  l.destination.canonicalName,
  l.destination.canonicalRevision,
  l.destinationServiceName,
  l.destinationServiceNamespace,
  l.destination.cluster,
  requestProtocol,
  l.connectionSecurityPolicy,
];

export class IstioMetrics {
  readonly #families;
  readonly #requests = new Map<string, IstioRequestMetrics>();
  readonly #tcp = new Map<string, IstioTcpMetrics>();

  constructor(registry: Registry) {
    const counter = (name: string, help: string) => registry.counter(name, help, TCP_LABELS);
    this.#families = {
      total: registry.counter('istio_requests_total', 'Requests that ended.', REQUEST_LABELS),
      duration: registry.histogram('istio_request_duration_milliseconds', 'Duration of requests.', REQUEST_LABELS),
      requestBytes: registry.histogram('istio_request_bytes', 'Bytes of requests, heads included.', REQUEST_LABELS),
      responseBytes: registry.histogram('istio_response_bytes', 'Bytes of responses, heads included.', REQUEST_LABELS),
      opened: counter('istio_tcp_connections_opened_total', 'TCP connections opened.'),
      closed: counter('istio_tcp_connections_closed_total', 'TCP connections closed.'),
      received: counter('istio_tcp_received_bytes_total', 'Bytes received from downstream.'),
      sent: counter('istio_tcp_sent_bytes_total', 'Bytes sent to downstream.'),
    };
  }

  /** Equal labels give the same handle. */
  requests(labels: RequestLabels): IstioRequestMetrics {
    const common = renderLabels(COMMON_LABELS, commonValues(labels, labels.requestProtocol));
    return remember(this.#requests, common, () => new IstioRequestMetrics(this.#families, common));
  }

  tcp(labels: TcpLabels): IstioTcpMetrics {
    const text = renderLabels(COMMON_LABELS, commonValues(labels, 'tcp'));
    return remember(this.#tcp, text, () => new IstioTcpMetrics(this.#families, text));
  }
}

/** Handles beyond this are made anew at each look-up: a caller that invents labels must not fill the memory. */
const MAX_HANDLES = 2000;

const remember = <T>(handles: Map<string, T>, key: string, make: () => T): T => {
  let handle = handles.get(key);
  if (!handle) {
    handle = make();
    if (handles.size < MAX_HANDLES) handles.set(key, handle);
  }
  return handle;
};

interface RequestFamilies {
  readonly total: { series(labels: string): Counter };
  readonly duration: { series(labels: string): Histogram };
  readonly requestBytes: { series(labels: string): Histogram };
  readonly responseBytes: { series(labels: string): Histogram };
}

class Outcome {
  readonly responseCode: number;
  readonly flags: string;
  readonly grpcStatus: string;
  readonly total: Counter;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;

  constructor(families: RequestFamilies, common: string, responseCode: number, flags: string, grpcStatus: string) {
    this.responseCode = responseCode;
    this.flags = flags;
    this.grpcStatus = grpcStatus;
    const labels = `${common},${renderLabels(OUTCOME_LABELS, [String(responseCode), flags, grpcStatus])}`;
    this.total = families.total.series(labels);
    this.duration = families.duration.series(labels);
    this.requestBytes = families.requestBytes.series(labels);
    this.responseBytes = families.responseBytes.series(labels);
  }
}

/** Requests from one peer to one destination; their outcomes are looked up as they come, the last one first. */
export class IstioRequestMetrics {
  readonly #families: RequestFamilies;
  readonly #common: string;
  readonly #outcomes: Outcome[] = [];
  #last: Outcome | null = null;

  constructor(families: RequestFamilies, common: string) {
    this.#families = families;
    this.#common = common;
  }

  /** `grpcStatus` empty for plain HTTP; `flags` is `-` if nothing went wrong; `responseCode` 0 if none was sent. */
  record(
    responseCode: number,
    flags: string,
    grpcStatus: string,
    durationMs: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    let outcome = this.#last;
    if (
      outcome === null ||
      outcome.responseCode !== responseCode ||
      outcome.flags !== flags ||
      outcome.grpcStatus !== grpcStatus
    ) {
      outcome = this.#find(responseCode, flags, grpcStatus);
      this.#last = outcome;
    }
    outcome.total.add(1);
    outcome.duration.observe(durationMs);
    outcome.requestBytes.observe(requestBytes);
    outcome.responseBytes.observe(responseBytes);
  }

  #find(responseCode: number, flags: string, grpcStatus: string): Outcome {
    for (const o of this.#outcomes) {
      if (o.responseCode === responseCode && o.flags === flags && o.grpcStatus === grpcStatus) return o;
    }
    // The text comes from the upstream: what is no status must not become a label.
    const status = /^(\d|1[0-6])?$/.test(grpcStatus) ? grpcStatus : 'invalid';
    const outcome = new Outcome(this.#families, this.#common, responseCode, flags, status);
    if (status === grpcStatus) this.#outcomes.push(outcome);
    return outcome;
  }
}

interface TcpFamilies {
  readonly opened: { series(labels: string): Counter };
  readonly closed: { series(labels: string): Counter };
  readonly received: { series(labels: string): Counter };
  readonly sent: { series(labels: string): Counter };
}

class TcpOutcome {
  readonly flags: string;
  readonly opened: Counter;
  readonly closed: Counter;
  readonly received: Counter;
  readonly sent: Counter;

  constructor(families: TcpFamilies, common: string, flags: string) {
    this.flags = flags;
    const labels = `${common},${renderLabels(['response_flags'], [flags])}`;
    this.opened = families.opened.series(labels);
    this.closed = families.closed.series(labels);
    this.received = families.received.series(labels);
    this.sent = families.sent.series(labels);
  }
}

/** Connections from one peer to one destination. */
export class IstioTcpMetrics {
  readonly #families: TcpFamilies;
  readonly #common: string;
  readonly #clean: TcpOutcome;
  readonly #failed: TcpOutcome[] = [];

  constructor(families: TcpFamilies, common: string) {
    this.#families = families;
    this.#common = common;
    this.#clean = new TcpOutcome(families, common, '-');
  }

  opened(): void {
    this.#clean.opened.add(1);
  }

  /** Bytes since the last time, of a connection that goes on. */
  transferred(receivedBytes: number, sentBytes: number): void {
    this.#clean.received.add(receivedBytes);
    this.#clean.sent.add(sentBytes);
  }

  /** Bytes since the last time; `flags` is `-` if nothing went wrong. */
  closed(receivedBytes: number, sentBytes: number, flags: string): void {
    const outcome = flags === '-' ? this.#clean : this.#find(flags);
    outcome.closed.add(1);
    outcome.received.add(receivedBytes);
    outcome.sent.add(sentBytes);
  }

  #find(flags: string): TcpOutcome {
    let outcome = this.#failed.find((o) => o.flags === flags);
    if (outcome === undefined) {
      outcome = new TcpOutcome(this.#families, this.#common, flags);
      this.#failed.push(outcome);
    }
    return outcome;
  }
}
