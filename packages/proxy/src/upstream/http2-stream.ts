import { CONNECTION_LOST, errorCodes } from '@weft/wire/http2/error-codes';
import type { Http2ResponseSink } from '@weft/wire/http2/events';
import type { Http2ResponseHead } from '@weft/wire/http2/heads';
import type { Http2Stream } from '@weft/wire/http2/stream';
import type { Http2Connection } from './http2-connection.ts';
import type { OutgoingRequest, ResetReason, ResponseSink, UpstreamStream } from './upstream-stream.ts';

/**
 * One request on an HTTP/2 connection. Its head waits until it is known whether a body follows, so that the end of the
 * stream can go with it.
 */
export class Http2UpstreamStream implements UpstreamStream, Http2ResponseSink {
  readonly protocol = 'HTTP/2';
  readonly #owner: Http2Connection;
  #sink: ResponseSink | null = null;
  #request: OutgoingRequest | null = null;
  #stream: Http2Stream | null = null;
  /** Taken, and neither opened nor given up. */
  #unopened = true;
  #over = false;
  #responseStarted = false;
  #touched = false;
  #upgrade = '';
  #tunnel = false;
  /** For a stream that waits for the server's settings: what to send first. */
  #early: Buffer[] | null = null;
  stale = false;
  unprocessed = false;
  readingPaused = false;

  constructor(owner: Http2Connection) {
    this.#owner = owner;
  }

  get principal(): string {
    return this.#owner.connection.principal;
  }

  get localAddress(): string {
    return this.#owner.connection.localAddress;
  }

  get blocked(): boolean {
    return this.#stream !== null && this.#stream.blocked;
  }

  get bufferedBytes(): number {
    return this.#stream === null ? 0 : this.#stream.heldBytes;
  }

  // ─── the request ───

  request(sink: ResponseSink, request: OutgoingRequest): void {
    this.#sink = sink;
    this.#request = request;
    this.#upgrade = request.upgrade;
    if (request.upgrade !== '' && !this.#owner.session.settingsReceived) {
      this.#early = [];
      this.#owner.awaitSettings(this);
    }
  }

  /** Never asked for: bytes go by connections of their own. */
  connect(sink: ResponseSink): void {
    this.#sink = sink;
    this.#reset('protocol error');
  }

  /** The server's settings have come. */
  open(): void {
    const early = this.#early;
    this.#early = null;
    if (early === null || this.#over) return;
    this.#open(false);
    for (const bytes of early) this.#stream?.data(bytes, 0, bytes.length);
  }

  /** The connection is gone before the stream was opened. */
  lost(): void {
    this.#early = null;
    if (!this.#over) this.#reset('connection termination');
  }

  #open(endStream: boolean): void {
    const request = this.#request;
    if (request === null || this.#over) return;
    this.#request = null;
    this.#unopened = false;
    this.#owner.opening();
    const { session } = this.#owner;
    const { method, scheme, host, path, headers, extra, upgrade, neverIndexed } = request;
    if (upgrade !== '' && !session.peerEnablesConnect) {
      this.#reset('protocol error');
      return;
    }
    this.#stream = session.openStream(
      this,
      upgrade === '' ? method : 'CONNECT',
      scheme,
      host,
      path,
      upgrade,
      headers,
      extra,
      endStream,
      neverIndexed,
    );
    if (this.#stream === null) {
      // A GOAWAY, or fewer streams allowed, since it was taken: nothing was sent.
      this.unprocessed = true;
      this.#reset('remote refused stream reset');
    }
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#early !== null) {
      this.#early.push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    if (this.#request !== null) this.#open(false);
    this.#stream?.data(buffer, start, end);
  }

  end(trailers: readonly string[]): void {
    // An upgrade goes on after its request: what ends it is `endWriting`.
    if (this.#upgrade !== '') {
      this.flush();
      return;
    }
    if (this.#request !== null) {
      this.#open(trailers.length === 0);
      if (trailers.length === 0) return;
    }
    this.#stream?.end(trailers);
  }

  /** The session is flushed with all that others say on it. */
  flush(): void {
    if (this.#request !== null && this.#early === null) this.#open(false);
  }

  pauseReading(): void {
    this.readingPaused = true;
    this.#stream?.pauseReading();
  }

  resumeReading(): void {
    this.readingPaused = false;
    this.#stream?.resumeReading();
  }

  openTunnel(): void {
    this.#tunnel = true;
  }

  endWriting(): void {
    if (this.#stream !== null && !this.#stream.localEnded) this.#stream.end([]);
  }

  abandon(): void {
    if (this.#over) return;
    const stream = this.#stream;
    if (this.#sink !== null && !this.#tunnel) this.#owner.connection.group.pool.cluster.stats.upstream_rq_tx_reset++;
    this.#finish();
    if (stream !== null && !stream.closed) stream.reset(errorCodes.CANCEL);
  }

  // ─── the response ───

  onHead(head: Http2ResponseHead): void {
    this.#responseStarted = true;
    this.#touch();
    const sink = this.#sink;
    if (sink === null) return;
    if (this.#upgrade !== '' && head.status === 200) {
      const { headers, bytes } = head;
      sink.onResponseHead({
        status: 101,
        reason: '',
        headers,
        contentLength: -1,
        upgrade: this.#upgrade,
        bytes,
      });
      return;
    }
    if (head.status === 101) {
      // HTTP/2 has no such response (RFC 9113 section 8.6).
      this.#stream?.reset(errorCodes.PROTOCOL_ERROR);
      this.#reset('protocol error');
      return;
    }
    if (head.endStream && head.contentLength === -1) head.contentLength = 0;
    sink.onResponseHead(head);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#touch();
    this.#sink?.onResponseData(buffer, start, end);
  }

  /** No more of the response for now. */
  flushResponse(): void {
    this.#touched = false;
    this.#sink?.onResponseFlush();
  }

  onEnd(trailers: readonly string[]): void {
    const sink = this.#sink;
    if (this.#tunnel) {
      // Half closed: what the client still sends goes on. The exchange abandons us when both are done.
      sink?.onResponseEnd(trailers);
      return;
    }
    const stream = this.#stream;
    this.#finish();
    // Answered before its end: the rest of the request is of no use to anybody.
    if (stream !== null && !stream.localEnded) stream.reset(errorCodes.CANCEL);
    sink?.onResponseEnd(trailers);
  }

  onReset(code: number, remote: boolean): void {
    if (code === CONNECTION_LOST) {
      this.stale = this.#owner.connection.requests > 1 && !this.#responseStarted;
      this.#reset('connection termination');
    } else if (!remote) this.#reset('protocol error');
    else if (code === errorCodes.REFUSED_STREAM) {
      this.unprocessed = true;
      this.#reset('remote refused stream reset');
    } else this.#reset('remote reset');
  }

  onWritable(): void {
    this.#sink?.onUpstreamDrain();
  }

  #touch(): void {
    if (this.#touched) return;
    this.#touched = true;
    this.#owner.touch(this);
  }

  /** Lets go of all it has. */
  #finish(): void {
    this.#over = true;
    this.#sink = null;
    this.#request = null;
    if (!this.#unopened) return;
    this.#unopened = false;
    this.#owner.neverOpened();
  }

  #reset(reason: ResetReason): void {
    const sink = this.#sink;
    this.#finish();
    sink?.onReset(reason);
  }
}
