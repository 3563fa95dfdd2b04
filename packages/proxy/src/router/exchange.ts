/**
 * One request and its response: the state between the client's connection and the upstream's. It is one file above the
 * usual size because it is one state machine, whose transitions are to be read together. Made once for a connection
 * and begun anew for each of its requests: HTTP/1 has one at a time.
 *
 *              (held: a fault's delay)
 *     begin ─► service.handle ─► forward ─► pending ─► requesting ─► responding ─► responded
 *                 │                 ▲  │       │            │             │
 *                 └► reply          │  └───────┴── fails ───┘             └ fails: destroy
 *                                   └─ backoff ◄──┘ (or reply)
 */
import { type ConnectionView, headerValue, type RequestView } from '@weft/traffic/request';
import { applyCors, type CorsPolicy } from '@weft/traffic/cors';
import { grpcToHttpStatus, httpToGrpcStatus } from '@weft/traffic/grpc-status';
import { formatGrpcTimeout, type GrpcTimeoutPolicy, grpcTimeoutMs } from '@weft/traffic/grpc-timeout';
import type { AccessRecord } from '@weft/telemetry/access-record';
import type { HopSpan } from '@weft/telemetry/trace-headers';
import { applyHeaderOperations, type HeaderSubject, noHeaderOperations } from '@weft/traffic/header-operations';
import type { HeaderOperations } from '@weft/traffic/runtime-config';
import { type ForwardAction, type Route, rewritePath, type WeightedCluster } from '@weft/traffic/route-table';
import type { Cluster, Host } from '../context.ts';
import { GrpcWebStream, grpcWebOf, grpcWebType } from '../grpc-web/grpc-web-stream.ts';
import type { KnownHeaders } from '../headers/request-headers.ts';
import { sieveResponseHeaders } from '../headers/response-headers.ts';
import type { TcpMetrics } from '../telemetry.ts';
import { internalListeners } from '../internal/internal-listeners.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { ConnectionFailure } from '../upstream/connect-failure.ts';
import type { ConnectionWaiter, PendingConnection } from '../upstream/connection-group.ts';
import type { HostPool } from '../upstream/host-pool.ts';
import type {
  OutgoingRequest,
  ResetReason,
  ResponseSink,
  UpstreamResponseHead,
  UpstreamStream,
} from '../upstream/upstream-stream.ts';
import type { DownstreamPeer, DownstreamPort, IncomingRequest } from './downstream-port.ts';
import type { HttpService } from './http-service.ts';
import { type Mirror, startMirrors } from './mirror.ts';
import {
  disconnect,
  type DownstreamEnd,
  encodeGrpcMessage,
  type LocalReply,
  localReplies,
  resetFlags,
  upstreamReset,
} from './outcome.ts';
import { accessRecord, report, tunnelOpened } from './report.ts';
import {
  type AttemptFailure,
  mayRetryNow,
  rateLimitedDelayMs,
  retriesFailure,
  retriesRequest,
  retriesResponse,
  retryDelayMs,
} from './retry.ts';

type State = 'idle' | 'filtering' | 'held' | 'pending' | 'backoff' | 'requesting' | 'responding' | 'responded';

/** Of a request kept for another attempt, or until there is a connection: Envoy's per_connection_buffer_limit_bytes. */
const KEEP_BYTES = 1024 * 1024;
/** Of a request that was answered before its end: up to this much is read to keep the connection. */
const DISCARD_BYTES = 64 * 1024;

const without = (name: string): HeaderOperations => ({ remove: [name], set: [], add: [] });
/** What a peer's sidecar said of its own attempt gives way where we say it of ours. */
const withoutAttemptCount = without('x-envoy-attempt-count');
const withoutTimeout = without('x-envoy-expected-rq-timeout-ms');

/** Of a reply for want of resources, which nobody should repeat. */
const overloaded = ['x-envoy-overloaded', 'true'];

/** What became of an answer that was under way. */
const tooLate: Readonly<Record<string, string>> = { idle: 'stream_idle_timeout', duration: 'max_duration_timeout' };

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

const noHeaders: readonly string[] = [];

/** Of bytes that are no request. */
const nothing: Omit<IncomingRequest, 'headers'> = {
  method: '',
  target: '',
  host: '',
  upgrade: '',
  bytes: 0,
};

export class Exchange
  implements RequestView, KnownHeaders, HeaderSubject, OutgoingRequest, ResponseSink, ConnectionWaiter, TimerTarget
{
  // As policies and routes see the request.
  method = '';
  path = '';
  authority = '';
  scheme: 'http' | 'https' = 'http';
  headers: string[] = [];
  readonly connection: ConnectionView;
  // KnownHeaders
  requestId = '';
  userAgent = '';
  forwardedFor = '';
  forwardedProto = '';
  forwardedClientCert = '';
  peerMetadata = '';
  traced = false;
  grpc = false;

  readonly downstream: DownstreamPort;
  readonly peer: DownstreamPeer;
  service: HttpService;
  #state: State = 'idle';
  /** As the client wrote it, and as the upstream gets it. */
  host = '';
  upgrade = '';
  openEnded = false;
  neverIndexed: readonly string[] | null = null;
  /** Of this attempt. */
  readonly extra: string[] = [];
  #requestEnded = false;
  #trailers: readonly string[] = [];
  /** The request's body, as long as another attempt may need it. */
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #discarded = 0;
  #tunnel = false;
  #tunnelOpen = false;
  #upstreamEnded = false;
  /** Within `begin`: the bytes at hand are not read to their end yet, so nothing is flushed. */
  #beginning = false;

  // The route and where it led.
  route: Route | null = null;
  #action: ForwardAction | null = null;
  /** The route's, unless its caller may say another. */
  #timeoutMs = 0;
  #weighted: WeightedCluster | null = null;
  cluster: Cluster | null = null;
  upstreamHost: Host | null = null;
  pool: HostPool | null = null;
  #stream: UpstreamStream | null = null;
  #pending: PendingConnection | null = null;
  #counted = false;
  #staleRetried = false;
  #retries = 0;
  #retrying = false;
  readonly #tried: Host[] = [];
  #attemptSent = false;
  upstreamPrincipal = '';
  /** What goes on when a delay is over, and how long delays were. */
  #held: (() => void) | null = null;
  #heldMs = 0;
  #faulty = false;
  #mirrors: Mirror[] | null = null;
  /** Of the route, if the request's origin is allowed. */
  cors: CorsPolicy | null = null;
  corsOrigin = '';

  // What is told of it in the end.
  startMs = 0;
  originalPath = '';
  /** Empty unless the route rewrites it. */
  #originalHost = '';
  headBytes = 0;
  requestBytes = 0;
  responseHeadBytes = 0;
  responseBytes = 0;
  status = 0;
  flags = '';
  details = '';
  grpcStatus = '';
  attempts = 0;
  upstreamServiceMs = -1;
  /** Of the head of the response, whoever made it. */
  responseHeaders: readonly string[] = noHeaders;
  responseTrailers: readonly string[] = noHeaders;
  /** Where our connection to the upstream begins; known where there is an access log. */
  upstreamLocalAddress = '';
  /** Of the last attempt that got so far. */
  upstreamProtocol = '';
  /** Of a CONNECT whose tunnel is open: bytes, which are no request. */
  tunnelMetrics: TcpMetrics | null = null;
  /** The tunnel ends in a listener of ours, which counts what is inside. */
  entered = false;
  /** Null: not traced. */
  span: HopSpan | null = null;

  readonly #requestTimer = new WheelTimer(this, 'request');
  readonly #tryTimer = new WheelTimer(this, 'try');
  readonly #idleTimer = new WheelTimer(this, 'idle');
  /** Made when a route first has a per-try idle timeout. */
  #tryIdleTimer: WheelTimer | null = null;
  /** Made when a request first may last only so long. */
  #durationTimer: WheelTimer | null = null;
  #idleMs = 0;
  #nowMs = 0;

  constructor(downstream: DownstreamPort, service: HttpService) {
    this.downstream = downstream;
    this.peer = downstream.peer;
    this.connection = downstream.peer.view;
    this.service = service;
  }

  /** A request is under way, or its answer. */
  get active(): boolean {
    return this.#state !== 'idle';
  }

  /** Bytes go through as they are. */
  get tunnelOpen(): boolean {
    return this.#tunnelOpen;
  }

  /** `openEnded`: there is a body, and no length was told beforehand. `ended`: there is none, for sure. */
  begin(request: IncomingRequest, openEnded: boolean, ended: boolean, service: HttpService): void {
    this.#start(request, openEnded, service);
    this.#requestEnded = ended;
    this.#beginning = true;
    service.handle(this);
    this.#beginning = false;
  }

  /** Bytes that are no request, or a part of one only: answered, recorded, and the last of their connection. */
  refuse(service: HttpService, reply: LocalReply): void {
    this.#start({ ...nothing, headers: [] }, false, service);
    this.downstream.lastExchange();
    this.reply(reply);
  }

  /** The body is not what its head promised, so nobody knows where the next request begins. */
  onRequestError(reply: LocalReply): void {
    this.downstream.lastExchange();
    if (this.#state === 'responded') this.#complete();
    else if (this.#state === 'responding') {
      this.flags = reply.flags;
      this.details = reply.details;
      this.#breakOff();
    } else this.reply(reply);
  }

  #start(request: IncomingRequest, openEnded: boolean, service: HttpService): void {
    this.service = service;
    this.method = request.method;
    this.path = request.target;
    this.originalPath = '';
    this.#originalHost = '';
    this.host = request.host;
    this.headers = request.headers;
    this.upgrade = request.upgrade;
    this.neverIndexed = request.neverIndexed ?? null;
    this.openEnded = openEnded;
    this.#requestEnded = false;
    this.#trailers = [];
    this.#kept.length = 0;
    this.#keptBytes = 0;
    this.#discarded = 0;
    this.#tunnel = false;
    this.#tunnelOpen = false;
    this.#upstreamEnded = false;
    this.route = null;
    this.#action = null;
    this.#weighted = null;
    this.cluster = null;
    this.upstreamHost = null;
    this.pool = null;
    this.#staleRetried = false;
    this.#retries = 0;
    this.#tried.length = 0;
    this.upstreamPrincipal = '';
    this.#held = null;
    this.#heldMs = 0;
    this.#mirrors = null;
    this.cors = null;
    this.headBytes = request.bytes;
    this.requestBytes = 0;
    this.responseHeadBytes = 0;
    this.responseBytes = 0;
    this.status = 0;
    this.flags = '';
    this.details = '';
    this.grpcStatus = '';
    this.attempts = 0;
    this.upstreamServiceMs = -1;
    this.responseHeaders = noHeaders;
    this.responseTrailers = noHeaders;
    this.upstreamLocalAddress = '';
    this.upstreamProtocol = '';
    this.tunnelMetrics = null;
    this.entered = false;
    this.span = null;
    this.startMs = service.context.clock.monotonic();
    const { stats } = service;
    stats.downstream_rq_total++;
    if (this.downstream.protocol === 'HTTP/2') stats.downstream_rq_http2_total++;
    else stats.downstream_rq_http1_total++;
    stats.downstream_rq_active++;
    this.#nowMs = this.startMs;
    this.#state = 'filtering';
    const { manager } = service;
    if (manager.requestTimeoutMs > 0)
      service.upstreams.wheel.arm(this.#requestTimer, manager.requestTimeoutMs, this.startMs);
    this.#idleMs = manager.streamIdleTimeoutMs;
    this.#touch();
    if (manager.maxStreamDurationMs > 0) this.#limitDuration(manager.maxStreamDurationMs);
  }

  /** Counted from the start of the request; 0: no limit. */
  #limitDuration(ms: number): void {
    const { wheel } = this.service.upstreams;
    if (this.#durationTimer?.armed) wheel.disarm(this.#durationTimer);
    if (ms === 0) return;
    this.#durationTimer ??= new WheelTimer(this, 'duration');
    wheel.arm(this.#durationTimer, ms, this.startMs);
  }

  /** As it stands now, for values of headers that are made of it. */
  accessRecord(): AccessRecord {
    return accessRecord(this, this.service.context.clock.monotonic() - this.startMs, this.flags || '-');
  }

  /** Answers from here, unless a response is on its way already. `ops`: what the route does to the headers of its answers. */
  reply(reply: LocalReply, headers: readonly string[] = [], ops: HeaderOperations = noHeaderOperations): void {
    if (this.#state === 'responding' || this.#state === 'responded') return;
    this.#detach();
    this.flags = this.flags === '' ? reply.flags : reply.flags === '' ? this.flags : `${reply.flags},${this.flags}`;
    this.details = reply.details;
    const { context, manager } = this.service;
    const all = [...headers];
    let { body } = reply;
    this.status = reply.status;
    if (this.grpc) {
      // Callers of gRPC look for its status, not for HTTP's.
      this.status = 200;
      this.grpcStatus = `${reply.grpcStatus ?? httpToGrpcStatus(reply.status)}`;
      const web = manager.grpcWeb ? grpcWebOf(this.headers) : null;
      const type = web === null ? 'application/grpc' : grpcWebType(web);
      all.push('content-type', type, 'grpc-status', this.grpcStatus);
      if (body !== '') all.push('grpc-message', encodeGrpcMessage(body));
      body = '';
    } else if (body !== '') all.push('content-type', 'text/plain');
    this.responseHeaders = all;
    this.#countAttempts(all);
    applyHeaderOperations(ops, all, this);
    if (this.cors !== null) applyCors(this.cors, this.corsOrigin, all);
    applyHeaderOperations(manager.responseHeaderOps, all, this);
    // HTTP/2 says by the head itself that there is no body; a gRPC client takes that for what it is: trailers.
    if (body !== '' || this.downstream.protocol !== 'HTTP/2') all.push('content-length', `${Buffer.byteLength(body)}`);
    all.push('date', new Date(context.clock.now()).toUTCString());
    if (manager.serverName !== '') all.push('server', manager.serverName);
    this.#writeHead(this.status, '', all, false, '');
    if (body !== '' && this.method !== 'HEAD') {
      const bytes = Buffer.from(body);
      this.downstream.data(bytes, 0, bytes.length);
      this.responseBytes = bytes.length;
    }
    this.downstream.end([]);
    this.#responded();
  }

  #countAttempts(headers: string[]): void {
    if (this.attempts > 0 && this.route?.virtualHost.includeAttemptCountInResponse)
      headers.push('x-envoy-attempt-count', `${this.attempts}`);
  }

  // ─── the request ───

  /** Towards the cluster of a route whose header operations are applied already. */
  forward(action: ForwardAction, weighted: WeightedCluster, cluster: Cluster): void {
    this.#action = action;
    this.#weighted = weighted;
    this.cluster = cluster;
    const hostRewrite = action.hostRewrite || weighted.hostRewrite;
    if (hostRewrite !== '') {
      if (hostRewrite !== this.host) this.#originalHost = this.host;
      this.host = hostRewrite;
    }
    this.originalPath = this.path;
    if (this.connection.mtls) {
      if (this.route?.virtualHost.includeAttemptCount) applyHeaderOperations(withoutAttemptCount, this.headers, this);
      if (action.timeoutMs > 0) applyHeaderOperations(withoutTimeout, this.headers, this);
    }
    this.#timeoutMs = action.timeoutMs;
    if (this.method === 'CONNECT') this.#tunnel = true;
    else this.path = rewritePath(action, this.path);
    if (action.idleTimeoutMs > 0) this.#idleMs = action.idleTimeoutMs;
    if (this.#idleMs > 0) this.#touch();
    if (action.maxStreamDurationMs !== -1) this.#limitDuration(action.maxStreamDurationMs);
    if (this.grpc && action.grpcTimeout !== null) this.#takeGrpcTimeout(action.grpcTimeout);
    if (action.mirrors !== null && !this.#tunnel && this.upgrade === '') this.#mirror(action);
    // After a delay the request may be here as a whole already.
    if (this.#requestEnded && this.#timeoutMs > 0 && !this.#tunnel)
      this.service.upstreams.arm(this.#requestTimer, this.#timeoutMs);
    this.#attempt();
  }

  /** What the caller says of its patience counts; the next hop is told what is left of it here. */
  #takeGrpcTimeout(policy: GrpcTimeoutPolicy): void {
    const ms = grpcTimeoutMs(policy, this.headers);
    if (ms === null) return;
    if (policy.of === 'stream') {
      this.#limitDuration(ms);
      return;
    }
    this.#timeoutMs = ms;
    if (ms === 0) return;
    applyHeaderOperations({ remove: [], set: ['grpc-timeout', formatGrpcTimeout(ms)], add: [] }, this.headers, this);
  }

  onRequestData(buffer: Buffer, start: number, end: number): void {
    this.requestBytes += end - start;
    if (this.#state === 'responded') {
      this.#discarded += end - start;
      if (this.#discarded > DISCARD_BYTES) this.downstream.lastExchange();
      return;
    }
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.data(buffer, start, end);
    if (this.#stream !== null) this.#stream.data(buffer, start, end);
    if (this.#stream === null || this.#mayRepeat()) this.#keep(buffer, start, end);
    else if (this.#kept.length > 0) this.#forget();
    if (this.#idleMs > 0) this.#touchNow();
    if (this.#tryIdleTimer !== null && this.#stream !== null) this.#touchTry();
  }

  onRequestEnd(trailers: readonly string[]): void {
    if (this.#requestEnded) return;
    this.#requestEnded = true;
    this.#trailers = trailers;
    const { wheel } = this.service.upstreams;
    if (this.#requestTimer.armed) wheel.disarm(this.#requestTimer);
    if (this.#state === 'responded') {
      this.#complete();
      return;
    }
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.requestEnd(trailers);
    if (this.#action !== null && this.#timeoutMs > 0 && !this.#tunnel) {
      const from = this.requestBytes === 0 ? this.#nowMs : this.service.context.clock.monotonic();
      wheel.arm(this.#requestTimer, this.#timeoutMs, from);
    }
    if (this.#stream !== null) this.#endAttemptRequest(this.#stream);
  }

  /** No more bytes from the client for now. */
  onRequestFlush(): void {
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.flush();
    if (this.#stream !== null) {
      this.#stream.flush();
      if (this.#stream.blocked) {
        if (this.cluster !== null) this.cluster.stats.upstream_flow_control_backed_up_total++;
        this.downstream.pauseReading();
      }
    } else if (this.#keptBytes >= KEEP_BYTES) this.downstream.pauseReading();
  }

  /** The client is gone. */
  onDownstreamClosed(end: DownstreamEnd = disconnect): void {
    if (this.#state === 'idle') return;
    const wasResponded = this.#state === 'responded';
    this.#detach();
    if (!wasResponded) {
      if (!this.#tunnelOpen) {
        this.flags = this.flags === '' ? end.flag : `${end.flag},${this.flags}`;
        this.details = end.details;
      }
      this.#disarm();
      report(this, this.service.context.clock.monotonic());
    }
    this.#state = 'idle';
  }

  onDownstreamDrain(): void {
    if (this.#stream === null) return;
    if (this.cluster !== null && this.#stream.readingPaused)
      this.cluster.stats.upstream_flow_control_resumed_reading_total++;
    this.#stream.resumeReading();
  }

  onUpstreamDrain(): void {
    if (this.cluster !== null) this.cluster.stats.upstream_flow_control_drained_total++;
    this.downstream.resumeReading();
  }

  /** Waits before it goes on; what comes of the body meanwhile is kept, up to the usual limit. */
  hold(delayMs: number, then: () => void): void {
    this.#state = 'held';
    this.#held = then;
    this.#heldMs += delayMs;
    this.service.upstreams.arm(this.#tryTimer, delayMs);
  }

  /** One of the faults under way, until its end. */
  countFault(): void {
    if (this.#faulty) return;
    this.#faulty = true;
    this.service.stats.fault.active_faults++;
  }

  #mirror(action: ForwardAction): void {
    this.#mirrors = startMirrors(this, action);
    for (const mirror of this.#mirrors ?? []) {
      for (const bytes of this.#kept) mirror.data(bytes, 0, bytes.length);
      if (this.#requestEnded) mirror.requestEnd(this.#trailers);
    }
  }

  // ─── attempts ───

  #attempt(): void {
    const cluster = this.cluster as Cluster;
    if (cluster.activeRequests >= cluster.config.limits.maxRequests) {
      cluster.stats.upstream_rq_pending_overflow++;
      this.reply(localReplies.overflow, overloaded);
      return;
    }
    const { outside } = cluster;
    const host =
      outside !== null
        ? outside.pick(this.authority, this.method === 'CONNECT' ? 443 : 80)
        : cluster.pick(
            this.#tried.length > 0 && (this.#action?.retry?.hostSelectionAttempts ?? 0) > 0 ? this.#tried : null,
          );
    if (host === null) {
      cluster.stats.upstream_cx_none_healthy++;
      this.upstreamHost = null;
      this.reply(outside === null ? localReplies.noHealthyUpstream : localReplies.outsideRefused);
      return;
    }
    this.upstreamHost = host;
    this.attempts++;
    if (this.method === 'CONNECT' && this.#isThisListener(host)) {
      this.#continueInProcess();
      return;
    }
    host.active++;
    cluster.activeRequests++;
    this.#counted = true;
    this.#attemptSent = false;
    this.#state = 'pending';
    if (host.config.internalListener !== undefined) {
      this.#enter(host.config.internalListener);
      return;
    }
    this.pool = this.service.upstreams.poolOf(cluster, host);
    const need = this.method === 'CONNECT' ? 'bytes' : this.upgrade === '' ? 'http' : 'upgrade';
    const pending = this.pool.request(this, need, this.downstream.protocol === 'HTTP/2');
    // Answered at once, the attempt may even be over by now.
    if (pending !== null) this.#pending = pending;
  }

  onStream(given: UpstreamStream): void {
    this.#pending = null;
    const web = this.service.manager.grpcWeb ? grpcWebOf(this.headers) : null;
    const stream = web === null ? given : new GrpcWebStream(given, web, this);
    this.#stream = stream;
    this.#state = 'requesting';
    this.upstreamPrincipal = stream.principal;
    this.upstreamProtocol = stream.protocol;
    (this.cluster as Cluster).stats.upstream_rq_total++;
    if (this.service.accessLogs.length > 0) this.upstreamLocalAddress = stream.localAddress;
    (this.upstreamHost as Host).outlier?.connected(false);
    if (this.method === 'CONNECT') {
      stream.connect(this);
      this.#openTunnel();
      return;
    }
    this.extra.length = 0;
    this.attemptHeaders(this.upstreamHost as Host, this.attempts, this.extra);
    stream.request(this, this);
    // Lost at once, the next attempt may be under way already.
    if (this.#stream !== stream) return;
    this.#attemptSent = true;
    if ((this.#action?.retry?.perTryIdleTimeoutMs ?? 0) > 0) this.#touchTry();
    for (const bytes of this.#kept) stream.data(bytes, 0, bytes.length);
    if (!this.#mayRepeat()) this.#forget();
    if (this.#requestEnded) this.#endAttemptRequest(stream);
    else if (!this.#beginning) {
      // It came while the client was silent or held back: go on.
      stream.flush();
      this.downstream.resumeReading();
    }
  }

  /** What an attempt adds to the request's own headers. */
  attemptHeaders(host: Host, attempt: number, to: string[]): void {
    const { context } = this.service;
    if (this.route?.virtualHost.includeAttemptCount) to.push('x-envoy-attempt-count', `${attempt}`);
    if (this.#timeoutMs > 0) to.push('x-envoy-expected-rq-timeout-ms', `${Math.round(this.#timeoutMs)}`);
    if (this.#originalHost !== '') to.push('x-envoy-original-host', this.#originalHost);
    if (this.path !== this.originalPath) to.push('x-envoy-original-path', this.originalPath);
    if (host.tls !== null) {
      to.push('x-envoy-peer-metadata-id', context.local.nodeId, 'x-envoy-peer-metadata', context.peerMetadata);
    }
  }

  #endAttemptRequest(stream: UpstreamStream): void {
    if (this.#tunnel) {
      stream.flush();
      if (this.#upstreamEnded) this.#responded();
      else stream.endWriting();
      return;
    }
    stream.end(this.#trailers);
    const perTryMs = this.#action?.retry?.perTryTimeoutMs ?? 0;
    if (perTryMs > 0)
      this.service.upstreams.wheel.arm(this.#tryTimer, perTryMs, this.service.context.clock.monotonic());
  }

  onConnectionFailure(failure: ConnectionFailure): void {
    this.#pending = null;
    this.#state = 'pending';
    if (failure.kind === 'dns') return this.reply(localReplies.dnsFailure);
    if (failure.kind !== 'overflow' && this.cluster !== null) this.cluster.stats.upstream_rq_pending_failure_eject++;
    const kind: AttemptFailure = failure.kind === 'timeout' ? 'connect-timeout' : failure.kind;
    this.#failed(kind, failure.reason, failure.kind === 'overflow' ? 'UO' : 'UF');
  }

  onReset(reason: ResetReason): void {
    const stream = this.#stream as UpstreamStream;
    this.#stream = null;
    if (this.cluster !== null) this.cluster.stats.upstream_rq_rx_reset++;
    if (this.#state === 'responding') {
      this.#broken(reason);
      return;
    }
    // A connection that was kept and closed by the server just when it was used: nobody's fault, repeated once.
    const lost = stream.unprocessed || (stream.stale && idempotent.has(this.method));
    if (lost && !this.#staleRetried && this.requestBytes === this.#keptBytes) {
      this.#staleRetried = true;
      this.attempts--;
      this.#endCounts();
      this.#attempt();
      return;
    }
    this.#failed(reason === 'remote refused stream reset' ? 'refused' : 'reset', reason, resetFlags[reason]);
  }

  #failed(failure: AttemptFailure, reason: string, flag: string): void {
    const retried = this.#retries > 0;
    const policy = this.#action?.retry ?? null;
    const { outlier } = this.upstreamHost as Host;
    if (outlier !== null && failure !== 'overflow') {
      outlier.failed(failure === 'per-try-timeout' || failure === 'connect-timeout' ? 'timeout' : 'connect');
    }
    if (policy !== null && retriesFailure(policy, failure, this.#attemptSent) && this.#retry(null)) return;
    if (failure === 'overflow') this.reply(upstreamReset(reason, flag, retried), overloaded);
    else if (failure !== 'per-try-timeout') this.reply(upstreamReset(reason, flag, retried));
    else this.reply(reason === '' ? localReplies.perTryTimeout : localReplies.perTryIdleTimeout);
  }

  /** Ends the attempt and begins another after the back-off, if there may be one. `headers`: of the answer, if any. */
  #retry(headers: readonly string[] | null): boolean {
    const policy = this.#action?.retry;
    const cluster = this.cluster as Cluster;
    const { stats } = cluster;
    if (!policy || this.#tunnel || !retriesRequest(policy, this)) return false;
    if (this.requestBytes !== this.#keptBytes) {
      stats.retry_or_shadow_abandoned++;
      return false;
    }
    if (this.#retries >= policy.numRetries) {
      stats.upstream_rq_retry_limit_exceeded++;
      if (this.flags === '') this.flags = 'URX';
      return false;
    }
    if (this.#retrying) {
      this.#retrying = false;
      cluster.activeRetries--;
    }
    if (!mayRetryNow(cluster)) {
      stats.upstream_rq_retry_overflow++;
      this.flags = 'UO';
      return false;
    }
    this.#endAttempt();
    this.#retries++;
    cluster.activeRetries++;
    this.#retrying = true;
    if (this.upstreamHost !== null) this.#tried.push(this.upstreamHost);
    this.#state = 'backoff';
    const { upstreams, context } = this.service;
    const { clock, random } = context;
    const asked = headers === null ? null : rateLimitedDelayMs(policy, headers, clock.now(), random);
    stats.upstream_rq_retry++;
    if (asked === null) stats.upstream_rq_retry_backoff_exponential++;
    else stats.upstream_rq_retry_backoff_ratelimited++;
    upstreams.wheel.arm(this.#tryTimer, asked ?? retryDelayMs(policy, this.#retries, random), clock.monotonic());
    return true;
  }

  /** Lets go of connection and queue, and counts down. */
  #endAttempt(): void {
    if (this.#tryTimer.armed) this.service.upstreams.wheel.disarm(this.#tryTimer);
    if (this.#tryIdleTimer !== null) this.service.upstreams.wheel.disarm(this.#tryIdleTimer);
    if (this.#pending !== null) {
      if (this.cluster !== null) this.cluster.stats.upstream_rq_cancelled++;
      this.#pending.cancel();
      this.#pending = null;
    }
    this.#endAttemptConnection();
    this.#endCounts();
  }

  #endAttemptConnection(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.abandon();
  }

  #endCounts(): void {
    if (this.#counted) {
      this.#counted = false;
      (this.upstreamHost as Host).active--;
      (this.cluster as Cluster).activeRequests--;
    }
    if (this.#retrying) {
      this.#retrying = false;
      (this.cluster as Cluster).activeRetries--;
    }
  }

  // ─── the response ───

  onResponseHead(head: UpstreamResponseHead): void {
    if (head.status < 200 && head.status !== 101) {
      this.downstream.informational(head.status, head.reason, head.headers);
      return;
    }
    if (head.status === 101 && this.upgrade === '') {
      // Nobody asked for it: what follows would be believed by one side only.
      this.#endAttemptConnection();
      this.#failed('reset', 'protocol error', 'UPE');
      return;
    }
    const grpcStatus = sieveResponseHeaders(head.headers);
    const policy = this.#action?.retry;
    const { outlier } = this.upstreamHost as Host;
    outlier?.responded(this.grpc && grpcStatus !== '' ? grpcToHttpStatus(Number(grpcStatus)) : head.status);
    if (policy) {
      if (retriesResponse(policy, head.status, grpcStatus, head.headers)) {
        if (this.#retry(head.headers)) return;
      } else if (this.#retries > 0) (this.cluster as Cluster).stats.upstream_rq_retry_success++;
    }
    if (this.#tryTimer.armed) this.service.upstreams.wheel.disarm(this.#tryTimer);
    this.#forget();
    this.#nowMs = this.service.context.clock.monotonic();
    this.grpcStatus = grpcStatus;
    this.status = head.status;
    this.details = 'via_upstream';
    this.responseHeadBytes = head.bytes;
    this.upstreamServiceMs = this.#nowMs - this.startMs - this.#heldMs;
    const { headers } = head;
    headers.push('x-envoy-upstream-service-time', `${Math.trunc(this.upstreamServiceMs)}`);
    this.responseHeaders = headers;
    this.#countAttempts(headers);
    if (this.#weighted !== null) applyHeaderOperations(this.#weighted.responseHeaders, headers, this);
    if (this.route !== null) applyHeaderOperations(this.route.responseHeaders, headers, this);
    if (this.cors !== null) applyCors(this.cors, this.corsOrigin, headers);
    applyHeaderOperations(this.service.manager.responseHeaderOps, headers, this);
    if (head.status === 101) {
      this.#writeHead(101, head.reason, headers, false, head.upgrade);
      this.#stream?.openTunnel();
      this.#openTunnel();
      return;
    }
    this.#state = 'responding';
    const hasBody = this.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    // HTTP/2 may end a stream without a word about the length, HTTP/1 may not.
    const silent = hasBody && head.contentLength === 0 && this.upstreamProtocol === 'HTTP/2';
    if (silent && this.downstream.protocol !== 'HTTP/2' && headerValue(headers, 'content-length') === undefined) {
      headers.push('content-length', '0');
    }
    const openEnded = hasBody && head.contentLength === -1;
    this.#writeHead(head.status, head.reason, headers, openEnded, '', head.neverIndexed ?? null);
  }

  #writeHead(
    status: number,
    reason: string,
    headers: readonly string[],
    openEnded: boolean,
    upgrade: string,
    neverIndexed: readonly string[] | null = null,
  ): void {
    this.responseHeaders = headers;
    this.downstream.respond(status, reason, headers, openEnded, upgrade, neverIndexed);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    this.responseBytes += end - start;
    this.downstream.data(buffer, start, end);
    if (this.#idleMs > 0) this.#touchNow();
    if (this.#tryIdleTimer !== null) this.#touchTry();
  }

  onResponseFlush(): void {
    this.downstream.flush();
    if (!this.downstream.blocked || this.#stream === null) return;
    if (this.cluster !== null) this.cluster.stats.upstream_flow_control_paused_reading_total++;
    this.#stream.pauseReading();
  }

  onResponseEnd(trailers: readonly string[]): void {
    if (this.#tunnelOpen) {
      this.#upstreamEnded = true;
      this.downstream.flush();
      if (this.#requestEnded) this.#responded();
      else this.downstream.endWriting();
      return;
    }
    this.#stream = null;
    this.responseTrailers = trailers;
    if (this.grpc && this.grpcStatus === '') this.grpcStatus = headerValue(trailers, 'grpc-status') ?? '';
    this.downstream.end(trailers);
    this.#responded();
  }

  /** The upstream stopped in the middle of its response; in a tunnel that is how things end. */
  #broken(reason: ResetReason): void {
    if (!this.#tunnelOpen) {
      this.service.stats.rq_reset_after_downstream_response_started++;
      this.service.stats.downstream_rq_tx_reset++;
      (this.upstreamHost as Host).outlier?.failed('connect');
      this.flags = resetFlags[reason];
      this.details = `upstream_reset_after_response_started{${reason.replaceAll(' ', '_')}}`;
    }
    this.downstream.flush();
    this.#breakOff();
  }

  /** The response is written. */
  #responded(): void {
    this.#settle();
    if (this.#requestEnded) {
      this.#complete();
      return;
    }
    this.service.stats.downstream_rq_response_before_rq_complete++;
    if (this.downstream.discardsRest()) this.downstream.resumeReading();
    else this.#state = 'idle';
  }

  /** As much of the response is written as there will be. */
  #breakOff(): void {
    this.#settle();
    this.#state = 'idle';
    this.downstream.destroy();
  }

  #settle(): void {
    this.#endAttempt();
    this.#disarm();
    this.#state = 'responded';
    report(this, this.service.context.clock.monotonic());
  }

  #complete(): void {
    this.#state = 'idle';
    this.downstream.exchangeEnded();
  }

  // ─── CONNECT and upgrades ───

  /** Both sides are connected: bytes go through as they are, with the same back-pressure as bodies. */
  #openTunnel(): void {
    this.#tunnel = true;
    this.#tunnelOpen = true;
    this.service.stats.downstream_cx_upgrades_total++;
    this.service.stats.downstream_cx_upgrades_active++;
    this.#state = 'responding';
    this.#requestEnded = false;
    if (this.#requestTimer.armed) this.service.upstreams.wheel.disarm(this.#requestTimer);
    if (this.method === 'CONNECT') {
      this.status = 200;
      this.details = 'via_upstream';
      this.#writeHead(200, 'OK', noHeaders, false, 'connect');
      if (!this.entered) this.tunnelMetrics = tunnelOpened(this);
    }
    this.downstream.openTunnel();
    this.onRequestFlush();
    this.downstream.resumeReading();
  }

  /** The tunnel leads to a listener of this proxy, whose filters and policies see what is inside as its client's. */
  #enter(listener: string): void {
    const entrance = this.method === 'CONNECT' ? internalListeners(this.service.context).get(listener) : undefined;
    const stream = entrance?.enter(this.peer) ?? null;
    if (stream === null) {
      this.#failed('connect', `remote connection failure, transport failure reason: ${listener} takes no one`, 'UF');
      return;
    }
    this.entered = true;
    this.onStream(stream);
  }

  #isThisListener(host: Host): boolean {
    // Inside a stream of HTTP/2 another connection begins: that one goes through the listener as any.
    if (this.downstream.protocol === 'HTTP/2') return false;
    return host.address === this.service.address && host.port === this.service.port;
  }

  /** CONNECT to this very listener: what is inside is HTTP for us, read from the same connection. */
  #continueInProcess(): void {
    this.downstream.respond(200, 'OK', noHeaders, false, 'connect', null);
    this.downstream.flush();
    this.#disarm();
    this.#state = 'responded';
    this.service.stats.downstream_rq_active--;
    if (this.#requestEnded) this.#complete();
  }

  // ─── time ───

  onTimer(kind: string): void {
    if (this.#state === 'idle' || this.#state === 'responded') return;
    if (kind === 'try' && this.#state === 'backoff') {
      this.#attempt();
      return;
    }
    if (kind === 'try' && this.#state === 'held') {
      const go = this.#held;
      this.#held = null;
      this.#state = 'filtering';
      go?.();
      return;
    }
    this.#countTimeout(kind);
    if (this.#state === 'responding') {
      // Too late for an answer of our own.
      if (kind !== 'duration') this.flags = kind === 'idle' ? 'SI' : 'UT';
      this.details = tooLate[kind] ?? 'response_timeout';
      this.#breakOff();
      return;
    }
    if (kind === 'try' || kind === 'try-idle') {
      this.#failed('per-try-timeout', kind === 'try' ? '' : kind, 'UT');
    } else if (kind === 'idle') {
      this.reply(this.#requestEnded ? localReplies.upstreamIdleTimeout : localReplies.streamIdleTimeout);
    } else if (kind === 'duration') {
      this.reply(localReplies.maxDuration);
    } else {
      this.reply(this.#requestEnded ? localReplies.responseTimeout : localReplies.requestTimeout);
    }
  }

  #countTimeout(kind: string): void {
    const downstream = this.service.stats;
    if (kind === 'idle') downstream.downstream_rq_idle_timeout++;
    else if (kind === 'duration') downstream.downstream_rq_max_duration_reached++;
    else if (kind === 'request' && !this.#requestEnded) downstream.downstream_rq_timeout++;
    if (this.cluster === null) return;
    const { stats } = this.cluster;
    if (kind === 'try') stats.upstream_rq_per_try_timeout++;
    else if (kind === 'try-idle') stats.upstream_rq_per_try_idle_timeout++;
    else if (kind === 'request' && this.#requestEnded && this.#state !== 'responding') {
      stats.upstream_rq_timeout++;
      if (this.#stream !== null) this.upstreamHost?.outlier?.failed('timeout');
    }
  }

  #touchTry(): void {
    const idleMs = this.#action?.retry?.perTryIdleTimeoutMs ?? 0;
    if (idleMs === 0) return;
    this.#tryIdleTimer ??= new WheelTimer(this, 'try-idle');
    const { upstreams, context } = this.service;
    upstreams.wheel.arm(this.#tryIdleTimer, idleMs, context.clock.monotonic());
  }

  #touch(): void {
    if (this.#idleMs > 0) this.service.upstreams.wheel.arm(this.#idleTimer, this.#idleMs, this.#nowMs);
  }

  #touchNow(): void {
    this.#nowMs = this.service.context.clock.monotonic();
    this.#touch();
  }

  #disarm(): void {
    const { wheel } = this.service.upstreams;
    if (this.#idleTimer.armed) wheel.disarm(this.#idleTimer);
    if (this.#requestTimer.armed) wheel.disarm(this.#requestTimer);
    if (this.#durationTimer?.armed) wheel.disarm(this.#durationTimer);
    if (this.#faulty) {
      this.#faulty = false;
      this.service.stats.fault.active_faults--;
    }
    if (this.#mirrors !== null) {
      for (const mirror of this.#mirrors) mirror.requestOver();
      this.#mirrors = null;
    }
  }

  // ─── the kept body ───

  /** Another attempt may follow, so the body must be at hand. */
  #mayRepeat(): boolean {
    return this.#action !== null && this.#action.retry !== null && this.#keptBytes >= 0 && this.#keptBytes < KEEP_BYTES;
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    this.#kept.push(Buffer.from(buffer.subarray(start, end)));
    this.#keptBytes += end - start;
  }

  #forget(): void {
    this.#kept.length = 0;
    if (this.requestBytes > 0) this.#keptBytes = -1;
  }

  #detach(): void {
    this.#endAttempt();
    this.#forget();
  }
}
