import { writeRequestHead } from '@weft/wire/http1/write-head';
import type { ResponseHead } from '@weft/wire/http1/response-head';
import type { Cluster, Host } from '../context.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { ConnectionWaiter, PendingConnection } from '../upstream/host-pool.ts';
import type { ResponseSink, UpstreamConnection } from '../upstream/http-connection.ts';
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
  #connection: UpstreamConnection | null = null;
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

  onConnection(connection: UpstreamConnection): void {
    this.#pending = null;
    this.#connection = connection;
    connection.begin(this, 'POST');
    const { path, authority, contentType, body } = this.#message;
    const headers = ['content-type', contentType, 'content-length', `${body.length}`];
    connection.writer.head(writeRequestHead('POST', path, authority, headers, '', false, ''), false);
    connection.writer.data(body, 0, body.length);
    connection.requestEnded();
    connection.writer.end([]);
  }

  onConnectionFailure(): void {
    this.#pending = null;
    this.#end();
  }

  onResponseHead(head: ResponseHead): void {
    this.#status = head.status;
  }

  onResponseData(): void {}
  onResponseFlush(): void {}
  onUpstreamDrain(): void {}

  onResponseEnd(): void {
    this.#connection = null;
    this.#end();
  }

  onReset(): void {
    this.#connection = null;
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
    if (this.#pending !== null) this.#upstreams.poolOf(this.#cluster, this.#host).cancel(this.#pending);
    this.#pending = null;
    const connection = this.#connection;
    this.#connection = null;
    connection?.abandon();
    this.#onDone(this.#status);
  }
}
