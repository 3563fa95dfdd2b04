import { errorCodes } from '@weft/wire/http2/error-codes';
import type { Http2SessionEvents } from '@weft/wire/http2/events';
import { Http2Session } from '@weft/wire/http2/session';
import type { Http2Stream } from '@weft/wire/http2/stream';
import { flushLater } from '../http2/flush-turn.ts';
import { Keepalive } from '../http2/keepalive.ts';
import { sessionOptions } from '../http2/session-options.ts';
import { Http2UpstreamStream } from './http2-stream.ts';
import type { Speaker } from './speaker.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** What an upstream may send as a head: Envoy's default for responses. */
const responseLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** HTTP/2 on a connection: many exchanges at once, each of which has a stream. */
export class Http2Connection implements Speaker, Http2SessionEvents {
  readonly connection: UpstreamConnection;
  readonly session: Http2Session;
  readonly #maxStreams: number;
  readonly #keepalive: Keepalive | null;
  /** Streams given out that have not been opened yet: their heads wait for what follows. */
  #unopened = 0;
  /** Of those, the ones that wait for the server to say whether it takes extended CONNECT. */
  readonly #awaitingSettings: Http2UpstreamStream[] = [];
  /** Streams of whose responses something came with the bytes at hand. */
  readonly #touched: Http2UpstreamStream[] = [];

  constructor(connection: UpstreamConnection) {
    this.connection = connection;
    const { config, stats } = connection.group.pool.cluster;
    this.#maxStreams = config.http2.maxConcurrentStreams;
    const { socket, group } = connection;
    this.session = new Http2Session(
      'client',
      sessionOptions(config.http2, responseLimits),
      { write: (buffer, written) => socket.write(buffer, written) },
      this,
      stats.h2,
    );
    this.session.start();
    const { keepalive } = config.http2;
    this.#keepalive =
      keepalive === null
        ? null
        : new Keepalive(keepalive, this.session, group.upstreams, () => {
            stats.h2.keepalive_timeout++;
            socket.destroy(new Error('keepalive timeout'));
          });
  }

  // ─── streams ───

  get active(): number {
    return this.session.activeStreams + this.#unopened;
  }

  /** Another stream may be taken. */
  get hasRoom(): boolean {
    const { session, active } = this;
    return active < this.#maxStreams && active < session.maxOutgoingStreams && !session.draining;
  }

  /** What is sent now waits behind what was sent before. */
  get congested(): boolean {
    return this.connection.socket.writableNeedDrain;
  }

  /** Only if it `hasRoom`. */
  take(): Http2UpstreamStream {
    this.#unopened++;
    this.connection.requests++;
    this.#keepalive?.beforeRequest();
    return new Http2UpstreamStream(this);
  }

  /** Of a stream that was taken: it is opened now. */
  opening(): void {
    this.#unopened--;
  }

  /** Of a stream that was taken: it never will be opened. */
  neverOpened(): void {
    this.#unopened--;
    this.connection.group.released(this.connection);
  }

  /** Something came for this stream, and it is to be told when that is all for now. */
  touch(stream: Http2UpstreamStream): void {
    this.#touched.push(stream);
  }

  awaitSettings(stream: Http2UpstreamStream): void {
    this.#awaitingSettings.push(stream);
  }

  // ─── Speaker ───

  idleMs(configuredMs: number): number {
    return configuredMs;
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#keepalive?.heard();
    this.session.push(buffer, start, end);
    const touched = this.#touched;
    if (touched.length === 0) return;
    for (const stream of touched) stream.flushResponse();
    touched.length = 0;
  }

  /** Without a half-closed state: what is not answered never will be. */
  onEof(): void {
    this.connection.socket.destroy();
  }

  onDrain(): void {
    this.session.drained();
  }

  onDraining(): void {}

  close(): void {
    if (!this.session.failed) this.session.goaway(errorCodes.NO_ERROR);
    this.session.flush();
    this.connection.socket.destroySoon();
  }

  onClosed(): void {
    this.#keepalive?.stop();
    for (const stream of this.#awaitingSettings.splice(0)) stream.lost();
    this.session.stop();
  }

  // ─── Http2SessionEvents ───

  onStream(stream: Http2Stream): void {
    // Servers open none: push is not enabled.
    stream.reset(errorCodes.REFUSED_STREAM);
  }

  onGoaway(): void {
    if (!this.connection.draining) this.connection.group.pool.cluster.stats.upstream_cx_close_notify++;
    this.connection.close();
  }

  onSessionError(): void {
    this.connection.group.pool.cluster.stats.upstream_cx_protocol_error++;
    this.connection.drain();
    this.session.flush();
    this.connection.socket.destroySoon();
  }

  onSettings(): void {
    for (const stream of this.#awaitingSettings.splice(0)) stream.open();
    this.connection.group.roomFound(this.connection);
  }

  onStreamClosed(): void {
    this.connection.group.released(this.connection);
  }

  onPing(): void {
    this.#keepalive?.answered();
  }

  onDirty(session: Http2Session): void {
    flushLater(session);
  }
}
