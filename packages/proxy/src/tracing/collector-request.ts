import type { Cluster, Host } from '../context.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { ConnectionWaiter, PendingConnection } from '../upstream/connection-group.ts';
import type { ResponseSink, UpstreamResponseHead, UpstreamStream } from '../upstream/upstream-stream.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

export interface CollectorMessage {
  readonly authority: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly timeoutMs: number;
}

/**
 * A POST of the proxy's own, through the cluster like any request: its pools, its TLS, its counters. `onDone` is called
 * once, with the status of the answer; 0 if there was none.
 */
export class CollectorRequest implements ConnectionWaiter, ResponseSink, TimerTarget {
  readonly #upstreams: Upstreams;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #message: CollectorMessage;
  readonly #onDone: (status: number) => void;
  readonly #timer = new WheelTimer(this, 'collector');
  #pending: PendingConnection | null = null;
  #stream: UpstreamStream | null = null;
  #status = 0;
  #over = false;

  constructor(
    upstreams: Upstreams,
    cluster: Cluster,
    host: Host,
    message: CollectorMessage,
    onDone: (status: number) => void,
  ) {
    this.#upstreams = upstreams;
    this.#cluster = cluster;
    this.#host = host;
    this.#message = message;
    this.#onDone = onDone;
    cluster.activeRequests++;
    host.active++;
    upstreams.arm(this.#timer, message.timeoutMs);
    const pending = upstreams.poolOf(cluster, host).request(this);
    // Answered at once, it may even be over by now.
    if (pending !== null) this.#pending = pending;
  }

  onStream(stream: UpstreamStream): void {
    this.#pending = null;
    this.#stream = stream;
    const { path, authority, contentType, body } = this.#message;
    stream.request(this, {
      method: 'POST',
      path,
      scheme: 'http',
      host: authority,
      headers: ['content-type', contentType, 'content-length', `${body.length}`],
      extra: [],
      openEnded: false,
      upgrade: '',
    });
    stream.data(body, 0, body.length);
    stream.end([]);
  }

  onConnectionFailure(): void {
    this.#pending = null;
    this.#end();
  }

  onResponseHead(head: UpstreamResponseHead): void {
    this.#status = head.status;
  }

  onResponseData(): void {}
  onResponseFlush(): void {}
  onUpstreamDrain(): void {}

  onResponseEnd(): void {
    this.#stream = null;
    this.#end();
  }

  onReset(): void {
    this.#stream = null;
    this.#status = 0;
    this.#end();
  }

  onTimer(): void {
    this.#status = 0;
    this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#upstreams.wheel.disarm(this.#timer);
    this.#cluster.activeRequests--;
    this.#host.active--;
    this.#pending?.cancel();
    this.#pending = null;
    const stream = this.#stream;
    this.#stream = null;
    stream?.abandon();
    this.#onDone(this.#status);
  }
}
