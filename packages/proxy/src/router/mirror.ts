import { applyHeaderOperations } from '@weft/traffic/header-operations';
import { isMirrored, type MirrorPolicy, mirrorHost } from '@weft/traffic/mirror';
import type { ForwardAction } from '@weft/traffic/route-table';
import type { Cluster, Host } from '../context.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { ConnectionWaiter, PendingConnection } from '../upstream/connection-group.ts';
import type {
  OutgoingRequest,
  ResetReason,
  ResponseSink,
  UpstreamResponseHead,
  UpstreamStream,
} from '../upstream/upstream-stream.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import type { Exchange } from './exchange.ts';

/** Of a copy's body waiting for its upstream; a copy that falls further behind is given up. */
const KEEP_BYTES = 1024 * 1024;
/** For routes without a timeout: nobody is there to lose patience. Envoy's default timeout of routes. */
const DEFAULT_TIMEOUT_MS = 15_000;

/** Copies of a request that is about to be forwarded; null if there are none. */
export const startMirrors = (x: Exchange, action: ForwardAction): Mirror[] | null => {
  const { context } = x.service;
  let mirrors: Mirror[] | null = null;
  for (const policy of action.mirrors ?? []) {
    if (!isMirrored(policy, context.random)) continue;
    const cluster = context.clusters.get(policy.cluster);
    if (cluster === null) continue;
    if (cluster.activeRequests >= cluster.config.limits.maxRequests) {
      cluster.stats.upstream_rq_pending_overflow++;
      continue;
    }
    const host = cluster.pick(null);
    if (host !== null) (mirrors ??= []).push(new Mirror(x, policy, action, cluster, host));
  }
  return mirrors;
};

/**
 * A copy of a request: sent while the request comes, its answer thrown away. It never makes the request wait or fail;
 * what goes wrong with it ends it. It counts for its cluster, but is no request of Istio's metrics or the access log.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-routeaction-requestmirrorpolicy
 */
export class Mirror implements ConnectionWaiter, OutgoingRequest, ResponseSink, TimerTarget {
  readonly #upstreams: Upstreams;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly host: string;
  readonly headers: string[];
  readonly extra: string[] = [];
  readonly openEnded: boolean;
  readonly neverIndexed: readonly string[] | null;
  readonly upgrade = '';
  readonly #timer = new WheelTimer(this, 'mirror');
  #pending: PendingConnection | null = null;
  #stream: UpstreamStream | null = null;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #trailers: readonly string[] = [];
  #requestEnded = false;
  #over = false;

  constructor(x: Exchange, policy: MirrorPolicy, action: ForwardAction, cluster: Cluster, host: Host) {
    this.#upstreams = x.service.upstreams;
    this.#cluster = cluster;
    this.#host = host;
    this.method = x.method;
    this.path = x.path;
    this.scheme = x.scheme;
    this.host = mirrorHost(policy, x.host);
    this.headers = [...x.headers];
    this.openEnded = x.openEnded;
    this.neverIndexed = x.neverIndexed;
    applyHeaderOperations(policy.requestHeaders, this.headers, x);
    x.attemptHeaders(host, 1, this.extra);
    cluster.activeRequests++;
    host.active++;
    this.#upstreams.arm(this.#timer, action.timeoutMs > 0 ? action.timeoutMs : DEFAULT_TIMEOUT_MS);
    const pending = this.#upstreams.poolOf(cluster, host).request(this, 'http', x.downstream.protocol === 'HTTP/2');
    // Answered at once, it may even be over by now.
    if (pending !== null) this.#pending = pending;
  }

  // ─── the request ───

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    if (this.#stream === null) {
      this.#keptBytes += end - start;
      this.#kept.push(Buffer.from(buffer.subarray(start, end)));
    } else {
      this.#stream.data(buffer, start, end);
    }
    if (this.#keptBytes + (this.#stream?.bufferedBytes ?? 0) > KEEP_BYTES) {
      this.#cluster.stats.retry_or_shadow_abandoned++;
      this.#end();
    }
  }

  flush(): void {
    this.#stream?.flush();
  }

  requestEnd(trailers: readonly string[]): void {
    this.#requestEnded = true;
    this.#trailers = trailers;
    this.#stream?.end(trailers);
  }

  /** The request is answered, or nobody wants it any more: a copy that has only a part of it is of no use. */
  requestOver(): void {
    if (!this.#requestEnded) this.#end();
  }

  // ─── its stream ───

  onStream(stream: UpstreamStream): void {
    this.#pending = null;
    this.#stream = stream;
    this.#host.outlier?.connected(false);
    stream.request(this, this);
    for (const bytes of this.#kept) stream.data(bytes, 0, bytes.length);
    this.#kept = [];
    this.#keptBytes = 0;
    if (this.#requestEnded) stream.end(this.#trailers);
    else stream.flush();
  }

  onConnectionFailure(): void {
    this.#pending = null;
    this.#host.outlier?.failed('connect');
    this.#end();
  }

  onResponseHead(head: UpstreamResponseHead): void {
    if (head.status >= 200) this.#host.outlier?.responded(head.status);
  }

  onResponseData(): void {}
  onResponseFlush(): void {}
  onUpstreamDrain(): void {}

  onResponseEnd(): void {
    this.#stream = null;
    this.#end();
  }

  onReset(_reason: ResetReason): void {
    this.#stream = null;
    this.#host.outlier?.failed('connect');
    this.#end();
  }

  onTimer(): void {
    this.#cluster.stats.upstream_rq_timeout++;
    this.#end();
  }

  /** Lets go of everything, once. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstreams.wheel.disarm(this.#timer);
    this.#cluster.activeRequests--;
    this.#host.active--;
    this.#kept = [];
    this.#pending?.cancel();
    this.#pending = null;
    const stream = this.#stream;
    this.#stream = null;
    stream?.abandon();
  }
}
