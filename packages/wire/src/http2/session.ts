import { HpackEncoder } from '../hpack/hpack-encoder.ts';
import type { Http2Counters } from './counters.ts';
import { CONNECTION_LOST, errorCodes } from './error-codes.ts';
import type { Http2Output, Http2ResponseSink, Http2SessionEvents } from './events.ts';
import { drainPayload, FrameHandler, pingPayload } from './frame-handler.ts';
import { FrameReader } from './frame-reader.ts';
import { INITIAL_WINDOW, MAX_STREAM_ID } from './frame-types.ts';
import type { Http2Options } from './options.ts';
import { setting } from './peer-settings.ts';
import { PSEUDO_BYTES, SessionCore } from './session-core.ts';
import { Http2Stream } from './stream.ts';

/** What a header block may take on the wire, beyond what it may decode to: Huffman codes can be longer than what they stand for. */
const BLOCK_SLACK = 16 * 1024;

/**
 * One HTTP/2 connection, RFC 9113: bytes in, events out, and back. What is to be sent is gathered until `flush`; the owner does that
 * once per turn of the event loop for every session that called `onDirty`, so that many streams share a write.
 *
 *     push ─► FrameReader ─► FrameHandler ─► SessionCore ◄─ Http2Stream ◄─ the owner
 *                                                │  FloodGuard, SendScheduler, ReceiveWindow, StreamTable
 *     flush ◄──────────────── FrameWriter ◄──────┘
 */
export class Http2Session {
  readonly #core: SessionCore;
  readonly #reader: FrameReader;

  constructor(
    role: 'server' | 'client',
    options: Http2Options,
    output: Http2Output,
    events: Http2SessionEvents,
    counters: Http2Counters,
  ) {
    this.#core = new SessionCore(this, role, options, output, events, counters, () => this.#reader.stop());
    this.#reader = new FrameReader(
      new FrameHandler(this.#core),
      role === 'server',
      options.maxFrameSize,
      2 * options.maxHeadBytes + BLOCK_SLACK,
      options.maxContinuationFrames,
    );
  }

  /** Sends preface (client) and settings. Bytes gathered: flush. */
  start(): void {
    const { options } = this.#core;
    const pairs = [setting.INITIAL_WINDOW_SIZE, options.initialStreamWindow];
    if (this.#core.role === 'client') {
      this.#core.writer.preface();
      pairs.push(setting.ENABLE_PUSH, 0);
    } else {
      pairs.push(setting.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams);
      if (options.enableConnect) pairs.push(setting.ENABLE_CONNECT_PROTOCOL, 1);
    }
    if (options.headerTableSize !== 4096) pairs.push(setting.HEADER_TABLE_SIZE, options.headerTableSize);
    if (options.maxFrameSize !== 16_384) pairs.push(setting.MAX_FRAME_SIZE, options.maxFrameSize);
    this.#core.writer.settings(pairs);
    const more = options.initialConnectionWindow - INITIAL_WINDOW;
    if (more > 0) this.#core.writer.windowUpdate(0, more);
    this.#core.touched();
  }

  /** Bytes of the connection; valid during the call only. */
  push(buffer: Buffer, start: number, end: number): void {
    this.#reader.push(buffer, start, end);
    if (!this.#core.scheduler.choked || this.#core.failed) return;
    const { writer, guard } = this.#core;
    this.#core.endFlood(guard.outbound(writer.frames, writer.controlFrames));
  }

  /** Something is gathered that was not flushed. */
  get dirty(): boolean {
    return this.#core.dirty;
  }

  /** Writes all that was gathered as one write, unless the output takes none for now. */
  flush(): void {
    this.#core.flush();
  }

  /** The output takes bytes again. */
  drained(): void {
    if (!this.#core.scheduler.choked) return;
    this.#core.scheduler.choked = false;
    this.#core.flush();
    this.#core.scheduler.run();
  }

  /** Streams open now, of either side. */
  get activeStreams(): number {
    return this.#core.streams.size;
  }

  /** Streams opened so far, of either side. */
  get totalStreams(): number {
    return this.#core.guard.streams;
  }

  /** Client: `openStream` will give a stream now. */
  get canOpen(): boolean {
    const { failed, goawayReceived, goawaySent, streams, peer, nextId } = this.#core;
    if (failed || goawayReceived || goawaySent) return false;
    return streams.size < peer.maxConcurrentStreams && nextId < MAX_STREAM_ID;
  }

  /** What the peer's settings allow us to have open at once; 100 until they are known. */
  get maxOutgoingStreams(): number {
    return this.#core.peer.maxConcurrentStreams;
  }

  get settingsReceived(): boolean {
    return this.#core.peer.received;
  }

  /** The peer takes extended CONNECT (RFC 8441). */
  get peerEnablesConnect(): boolean {
    return this.#core.peer.enableConnect;
  }

  /** `drain` was called, or GOAWAY sent or received: this connection is for what is open on it. */
  get draining(): boolean {
    return this.#core.draining || this.#core.goawaySent || this.#core.goawayReceived;
  }

  /** The protocol was broken, or `stop` called. */
  get failed(): boolean {
    return this.#core.failed;
  }

  /** Part of the peer's preface (its SETTINGS included), of a frame that is not DATA, or of a head is here: the rest is due. */
  get unfinished(): boolean {
    return this.#reader.unfinished;
  }

  /**
   * Client: null unless `canOpen`. `protocol` is for an extended CONNECT, else empty; with method CONNECT and no protocol, scheme
   * and path are not sent. `extra` are further headers, behind `headers`. Names must be in lower case; host goes in `authority`.
   */
  openStream(
    sink: Http2ResponseSink,
    method: string,
    scheme: string,
    authority: string,
    path: string,
    protocol: string,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed: readonly string[] | null = null,
  ): Http2Stream | null {
    if (!this.canOpen) return null;
    const core = this.#core;
    const stream = new Http2Stream(core, core.nextId, sink, method, core.peer.initialWindow);
    core.nextId += 2;
    core.addStream(stream);
    const maxBytes =
      HpackEncoder.maxBytes(headers) +
      HpackEncoder.maxBytes(extra) +
      method.length +
      scheme.length +
      authority.length +
      path.length +
      protocol.length +
      PSEUDO_BYTES;
    const encoder = core.writer.beginHeaders(maxBytes);
    encoder.field(':method', method, false);
    if (method !== 'CONNECT' || protocol !== '') {
      encoder.field(':scheme', scheme, false);
      encoder.field(':path', path, false);
    }
    if (authority !== '') encoder.field(':authority', authority, false);
    if (protocol !== '') encoder.field(':protocol', protocol, false);
    encoder.fields(headers, neverIndexed);
    encoder.fields(extra, neverIndexed);
    core.writer.endHeaders(stream.id, endStream);
    stream.localEnded = endStream;
    core.touched();
    return stream;
  }

  ping(): void {
    this.#core.writer.ping(false, pingPayload, 0);
    this.#core.touched();
  }

  /** No new streams from the peer: a warning first (GOAWAY 2^31 - 1), after a round trip the final one. Streams finish. */
  drain(): void {
    const core = this.#core;
    if (core.draining || core.goawaySent || core.failed) return;
    core.draining = true;
    if (core.role === 'client') return;
    core.counters.goaway_sent++;
    core.writer.goaway(MAX_STREAM_ID, errorCodes.NO_ERROR, '');
    core.writer.ping(false, drainPayload, 0);
    core.touched();
  }

  /** The final GOAWAY at once. */
  goaway(code: number): void {
    if (!this.#core.failed) this.#core.sendGoaway(code, '');
  }

  /** The connection is gone: every stream gets `onReset(CONNECTION_LOST, true)`. */
  stop(): void {
    this.#core.failed = true;
    this.#reader.stop();
    this.#core.resetAll(CONNECTION_LOST);
  }
}
