import { FieldList } from '../hpack/field-list.ts';
import { HpackDecoder } from '../hpack/hpack-decoder.ts';
import { HpackEncoder } from '../hpack/hpack-encoder.ts';
import { ClosedStreams, type Ending } from './closed-streams.ts';
import type { Http2Counters } from './counters.ts';
import { CONNECTION_LOST, errorCodes } from './error-codes.ts';
import type { Http2Output, Http2ResponseSink, Http2SessionEvents } from './events.ts';
import { readTrailers } from './fields.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { INITIAL_WINDOW, MAX_STREAM_ID } from './frame-types.ts';
import type { Http2Options } from './options.ts';
import { PeerSettings, setting } from './peer-settings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { readRequestHead } from './request-head.ts';
import { readResponseHead } from './response-head.ts';
import { SendScheduler } from './send-scheduler.ts';
import { ANY_LENGTH, Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

const NO_FIELDS: readonly string[] = [];

/** What a header block may take on the wire, beyond what it may decode to: Huffman codes can be longer than what they stand for. */
const BLOCK_SLACK = 16 * 1024;

/** Of the one block that is being read, in whichever session. */
const fields = new FieldList();

const pingPayload = Buffer.from('weftping', 'latin1');
const drainPayload = Buffer.from('weftgone', 'latin1');

/**
 * One HTTP/2 connection, RFC 9113: bytes in, events out, and back. What is to be sent is gathered until `flush`; the owner does that
 * once per turn of the event loop for every session that called `onDirty`, so that many streams share a write.
 *
 * Files beside: FrameReader (bytes to frames), FrameWriter (frames to bytes), Http2Stream (what one stream holds), SendScheduler
 * (whose DATA goes next), ReceiveWindow, FloodGuard, request-head and response-head (fields to heads).
 */
export class Http2Session implements FrameSink {
  readonly role: 'server' | 'client';
  readonly options: Http2Options;
  readonly counters: Http2Counters;
  readonly #output: Http2Output;
  readonly #events: Http2SessionEvents;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  readonly #guard: FloodGuard;
  /** A stream's, to send its data by. */
  readonly scheduler: SendScheduler;
  readonly #peer = new PeerSettings();
  readonly #receiveWindow: ReceiveWindow;
  readonly #streams = new StreamTable();
  readonly #closed = new ClosedStreams();
  /** Client: of the next stream. */
  #nextId = 1;
  /** Server: the highest that the client opened. */
  #lastPeerId = 0;
  /** Of the DATA frame that is being read; null: nobody wants it. */
  #dataStream: Http2Stream | null = null;
  #goawaySent = false;
  #goawayReceived = false;
  /** Streams of the peer above it are refused. */
  #lastAccepted = MAX_STREAM_ID;
  #draining = false;
  /** The protocol was broken, or `stop` called. */
  failed = false;
  /** Something is gathered that was not flushed. */
  dirty = false;

  constructor(
    role: 'server' | 'client',
    options: Http2Options,
    output: Http2Output,
    events: Http2SessionEvents,
    counters: Http2Counters,
  ) {
    this.role = role;
    this.options = options;
    this.counters = counters;
    this.#output = output;
    this.#events = events;
    this.#reader = new FrameReader(
      this,
      role === 'server',
      options.maxFrameSize,
      2 * options.maxHeadBytes + BLOCK_SLACK,
      options.maxContinuationFrames,
    );
    this.#decoder = new HpackDecoder(options.headerTableSize);
    this.#encoder = new HpackEncoder(options.headerTableSize);
    this.#writer = new FrameWriter(this.#encoder);
    this.#guard = new FloodGuard(options, counters);
    this.scheduler = new SendScheduler(this.#writer, this.#guard, () => this.flush());
    this.#receiveWindow = new ReceiveWindow(options.initialConnectionWindow);
  }

  // ─── the owner's ───

  /** Sends preface (client) and settings. Bytes gathered: flush. */
  start(): void {
    const { options } = this;
    const pairs = [setting.INITIAL_WINDOW_SIZE, options.initialStreamWindow];
    if (this.role === 'client') {
      this.#writer.preface();
      pairs.push(setting.ENABLE_PUSH, 0);
    } else {
      pairs.push(setting.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams);
      if (options.enableConnect) pairs.push(setting.ENABLE_CONNECT_PROTOCOL, 1);
    }
    if (options.headerTableSize !== 4096) pairs.push(setting.HEADER_TABLE_SIZE, options.headerTableSize);
    if (options.maxFrameSize !== 16_384) pairs.push(setting.MAX_FRAME_SIZE, options.maxFrameSize);
    this.#writer.settings(pairs);
    const more = options.initialConnectionWindow - INITIAL_WINDOW;
    if (more > 0) this.#writer.windowUpdate(0, more);
    this.touched();
  }

  /** Bytes of the connection; valid during the call only. */
  push(buffer: Buffer, start: number, end: number): void {
    this.#reader.push(buffer, start, end);
    if (!this.scheduler.choked || this.failed) return;
    const flood = this.#guard.outbound(this.#writer.frames, this.#writer.controlFrames);
    if (flood !== null) this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
  }

  /** Writes all that was gathered as one write, unless the output takes none for now. */
  flush(): void {
    if (this.#writer.length === 0 || this.scheduler.choked) {
      this.dirty = false;
      return;
    }
    const bytes = this.#writer.take();
    this.dirty = false;
    if (!this.#output.write(bytes)) this.scheduler.choked = true;
  }

  /** The output takes bytes again. */
  drained(): void {
    if (!this.scheduler.choked) return;
    this.scheduler.choked = false;
    this.flush();
    this.scheduler.run();
  }

  /** Streams open now, of either side. */
  get activeStreams(): number {
    return this.#streams.size;
  }

  /** Streams opened so far, of either side. */
  get totalStreams(): number {
    return this.#guard.streams;
  }

  /** Client: `openStream` will give a stream now. */
  get canOpen(): boolean {
    return (
      !this.failed &&
      !this.#goawayReceived &&
      !this.#goawaySent &&
      this.#streams.size < this.#peer.maxConcurrentStreams &&
      this.#nextId < MAX_STREAM_ID
    );
  }

  /** What the peer's settings allow us to have open at once; 100 until they are known. */
  get maxOutgoingStreams(): number {
    return this.#peer.maxConcurrentStreams;
  }

  get settingsReceived(): boolean {
    return this.#peer.received;
  }

  /** The peer takes extended CONNECT (RFC 8441). */
  get peerEnablesConnect(): boolean {
    return this.#peer.enableConnect;
  }

  /** `drain` was called, or GOAWAY sent or received: this connection is for what is open on it. */
  get draining(): boolean {
    return this.#draining || this.#goawaySent || this.#goawayReceived;
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
    const stream = new Http2Stream(this, this.#nextId, sink, method, this.#peer.initialWindow);
    this.#nextId += 2;
    this.#addStream(stream);
    const maxBytes =
      HpackEncoder.maxBytes(headers) +
      HpackEncoder.maxBytes(extra) +
      method.length +
      scheme.length +
      authority.length +
      path.length +
      protocol.length +
      PSEUDO_BYTES;
    const encoder = this.#writer.beginHeaders(maxBytes);
    encoder.field(':method', method, false);
    if (method !== 'CONNECT' || protocol !== '') {
      encoder.field(':scheme', scheme, false);
      encoder.field(':path', path, false);
    }
    if (authority !== '') encoder.field(':authority', authority, false);
    if (protocol !== '') encoder.field(':protocol', protocol, false);
    encoder.fields(headers, neverIndexed);
    encoder.fields(extra, neverIndexed);
    this.#writer.endHeaders(stream.id, endStream);
    stream.localEnded = endStream;
    this.touched();
    return stream;
  }

  ping(): void {
    this.#writer.ping(false, pingPayload, 0);
    this.touched();
  }

  /** No new streams from the peer: a warning first (GOAWAY 2^31 - 1), after a round trip the final one. Streams finish. */
  drain(): void {
    if (this.#draining || this.#goawaySent || this.failed) return;
    this.#draining = true;
    if (this.role === 'client') return;
    this.counters.goaway_sent++;
    this.#writer.goaway(MAX_STREAM_ID, errorCodes.NO_ERROR, '');
    this.#writer.ping(false, drainPayload, 0);
    this.touched();
  }

  /** The final GOAWAY at once. */
  goaway(code: number): void {
    if (!this.failed) this.#sendGoaway(code, '');
  }

  /** The connection is gone: every stream gets `onReset(CONNECTION_LOST, true)`. */
  stop(): void {
    this.failed = true;
    this.#reader.stop();
    this.#resetAll(CONNECTION_LOST);
  }

  // ─── a stream's ───

  /** Something was gathered. */
  touched(): void {
    if (this.dirty || this.#writer.length === 0) return;
    this.dirty = true;
    this.#events.onDirty(this);
  }

  sendResponseHead(
    stream: Http2Stream,
    status: number,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed: readonly string[] | null,
  ): void {
    const encoder = this.#writer.beginHeaders(
      HpackEncoder.maxBytes(headers) + HpackEncoder.maxBytes(extra) + PSEUDO_BYTES,
    );
    encoder.field(':status', status === 200 ? '200' : String(status), false);
    encoder.fields(headers, neverIndexed);
    encoder.fields(extra, neverIndexed);
    this.#writer.endHeaders(stream.id, endStream);
    this.touched();
  }

  sendEnd(stream: Http2Stream, trailers: readonly string[]): void {
    if (trailers.length === 0) this.#writer.endStream(stream.id);
    else {
      this.counters.trailers++;
      this.#writer.headers(stream.id, trailers, true);
    }
    this.touched();
  }

  sendWindowUpdate(streamId: number, increment: number): void {
    if (this.failed) return;
    this.#writer.windowUpdate(streamId, increment);
    this.touched();
  }

  /** Octets of DATA are dealt with. */
  consumed(length: number): void {
    const increment = this.#receiveWindow.consume(length);
    if (increment > 0) this.sendWindowUpdate(0, increment);
  }

  localSideEnded(stream: Http2Stream): void {
    if (stream.remoteEnded && stream.allSent) this.#remove(stream, 'ended');
  }

  resetStream(stream: Http2Stream, code: number): void {
    this.#sendReset(stream.id, code);
    this.#remove(stream, 'resetByUs');
  }

  // ─── FrameSink ───

  onDataFrame(streamId: number, length: number, payload: number, endStream: boolean): void {
    this.#dataStream = null;
    const flood = this.#guard.payload(payload, endStream);
    if (flood !== null) {
      this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
      return;
    }
    if (!this.#receiveWindow.receive(length)) {
      this.#fail(errorCodes.FLOW_CONTROL_ERROR, 'more DATA than the connection allows');
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === null) {
      this.consumed(length);
      this.#afterClose(streamId, 'DATA');
      return;
    }
    if (stream.remoteEnded) {
      this.consumed(length);
      this.#streamError(stream, errorCodes.STREAM_CLOSED);
      return;
    }
    let error = stream.receive(length, payload);
    if (stream.responseSink !== null && !stream.answered) error = errorCodes.PROTOCOL_ERROR;
    if (endStream && stream.expected !== ANY_LENGTH && stream.expected !== 0) error = errorCodes.PROTOCOL_ERROR;
    if (error !== errorCodes.NO_ERROR) {
      this.consumed(length);
      this.#streamError(stream, error);
      return;
    }
    this.#dataStream = stream;
    // The padding; what is payload is counted as it is handed on.
    if (length > payload) stream.taken(length - payload);
  }

  onDataBytes(buffer: Buffer, start: number, end: number): void {
    const stream = this.#dataStream;
    if (stream === null) return;
    if (stream.closed) this.consumed(end - start);
    else {
      stream.sink.onData(buffer, start, end);
      stream.taken(end - start);
    }
  }

  onDataEnd(endStream: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream !== null && endStream && !stream.closed) this.#remoteEnd(stream, NO_FIELDS);
  }

  onHeaderFrame(length: number, endStream: boolean): void {
    const flood = this.#guard.payload(length, endStream);
    if (flood !== null) this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
  }

  onHeaders(streamId: number, endStream: boolean, dependsOn: number, buffer: Buffer, start: number, end: number): void {
    fields.reset(this.options.maxHeadBytes, this.options.maxHeaders);
    // Whatever becomes of the stream, the table must be kept in step with the peer's.
    if (!this.#decoder.decode(buffer, start, end, fields)) {
      this.#fail(errorCodes.COMPRESSION_ERROR, 'a header block is not HPACK');
      return;
    }
    const stream = this.#streams.get(streamId);
    if (dependsOn === streamId) this.#malformed(streamId, stream, errorCodes.PROTOCOL_ERROR);
    else if (stream === null) this.#newStream(streamId, endStream);
    else if (stream.remoteEnded) this.#streamError(stream, errorCodes.STREAM_CLOSED);
    else if (stream.responseSink !== null && !stream.answered) this.#response(stream, stream.responseSink, endStream);
    else this.#trailers(stream, endStream);
  }

  onPriority(streamId: number, dependsOn: number): void {
    const flood = this.#guard.priority();
    if (flood !== null) this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
    else if (dependsOn === streamId) this.#malformed(streamId, this.#streams.get(streamId), errorCodes.PROTOCOL_ERROR);
  }

  onRstStream(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === null) {
      if (this.#isIdle(streamId)) this.#fail(errorCodes.PROTOCOL_ERROR, 'RST_STREAM on an idle stream');
      return;
    }
    this.counters.rx_reset++;
    const premature = this.role === 'server' && !stream.answered;
    this.#remove(stream, 'resetByPeer');
    stream.sink.onReset(code, true);
    if (premature) this.#countPremature();
  }

  onSettings(ack: boolean, buffer: Buffer, start: number, end: number): void {
    if (ack) return;
    const before = this.#peer.initialWindow;
    const error = this.#peer.read(buffer, start, end, this.role === 'client');
    if (error !== errorCodes.NO_ERROR) {
      this.#fail(error, 'a setting has a value that it may not have');
      return;
    }
    this.#encoder.peerTableSize(this.#peer.headerTableSize);
    this.#writer.maxFrameSize = this.#peer.maxFrameSize;
    this.#writer.settingsAck();
    this.touched();
    const change = this.#peer.initialWindow - before;
    if (change !== 0) {
      for (const stream of this.#streams.all()) {
        if (stream.growSendWindow(change)) continue;
        this.#fail(errorCodes.FLOW_CONTROL_ERROR, 'a window is too large');
        return;
      }
      this.scheduler.run();
    }
    this.#events.onSettings();
  }

  onPing(ack: boolean, buffer: Buffer, start: number): void {
    if (!ack) {
      this.#writer.ping(true, buffer, start);
      this.touched();
    } else if (buffer.compare(drainPayload, 0, 8, start, start + 8) === 0) {
      if (this.#draining && !this.#goawaySent) this.#sendGoaway(errorCodes.NO_ERROR, '');
    } else if (buffer.compare(pingPayload, 0, 8, start, start + 8) === 0) this.#events.onPing();
  }

  onGoawayFrame(lastStreamId: number, code: number): void {
    this.#goawayReceived = true;
    if (this.role === 'client') {
      for (const stream of this.#streams.all()) {
        if (stream.id <= lastStreamId || stream.closed) continue;
        this.#remove(stream, 'resetByPeer');
        stream.sink.onReset(errorCodes.REFUSED_STREAM, true);
      }
    }
    this.#events.onGoaway(lastStreamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    const flood = this.#guard.windowUpdate();
    if (flood !== null) {
      this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
      return;
    }
    if (streamId === 0) {
      if (increment === 0) this.#fail(errorCodes.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      else if (!this.scheduler.grow(increment)) this.#fail(errorCodes.FLOW_CONTROL_ERROR, 'a window is too large');
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === null) {
      if (this.#isIdle(streamId)) this.#fail(errorCodes.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream');
    } else if (increment === 0) this.#streamError(stream, errorCodes.PROTOCOL_ERROR);
    else if (!stream.growSendWindow(increment)) this.#streamError(stream, errorCodes.FLOW_CONTROL_ERROR);
    else this.scheduler.run();
  }

  onFrameError(code: number, message: string): void {
    this.#fail(code, message);
  }

  // ─── heads ───

  #newStream(streamId: number, endStream: boolean): void {
    if (this.role === 'client') {
      if (this.#isIdle(streamId)) this.#fail(errorCodes.PROTOCOL_ERROR, 'a stream that the server opened');
      else this.#afterClose(streamId, 'HEADERS');
      return;
    }
    if ((streamId & 1) === 0) {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'a client opened a stream of even number');
      return;
    }
    if (streamId <= this.#lastPeerId) {
      this.#afterClose(streamId, 'HEADERS');
      return;
    }
    this.#lastPeerId = streamId;
    this.#guard.streams++;
    if (this.#streams.size >= this.options.maxConcurrentStreams || streamId > this.#lastAccepted) {
      this.counters.stream_refused_errors++;
      this.#sendReset(streamId, errorCodes.REFUSED_STREAM);
      this.#closed.add(streamId, 'resetByUs');
      this.#countPremature();
      return;
    }
    const head = fields.overflow ? null : readRequestHead(fields, endStream, this.options.enableConnect);
    const stream = new Http2Stream(this, streamId, null, '', this.#peer.initialWindow);
    if (head === null) {
      if (fields.overflow) this.#tooLarge(stream, endStream);
      else this.#malformed(streamId, null, errorCodes.PROTOCOL_ERROR);
      return;
    }
    if (head.method !== 'CONNECT') stream.expected = head.contentLength;
    this.#guard.streams--;
    this.#addStream(stream);
    this.#events.onStream(stream, head);
    if (endStream && !stream.closed) this.#remoteEnd(stream, NO_FIELDS);
  }

  /** Answered here, as nobody else could know what was asked. */
  #tooLarge(stream: Http2Stream, endStream: boolean): void {
    this.counters.header_overflow++;
    this.sendResponseHead(stream, 431, NO_FIELDS, NO_FIELDS, true, null);
    if (!endStream) this.#sendReset(stream.id, errorCodes.NO_ERROR);
    this.#closed.add(stream.id, 'resetByUs');
  }

  #response(stream: Http2Stream, sink: Http2ResponseSink, endStream: boolean): void {
    if (fields.overflow) this.counters.header_overflow++;
    const head = fields.overflow ? null : readResponseHead(fields, endStream);
    if (head === null) {
      this.#malformed(stream.id, stream, errorCodes.PROTOCOL_ERROR);
      return;
    }
    if (head.status >= 200) {
      stream.answered = true;
      const { method } = stream;
      if (method === 'HEAD' || head.status === 204 || head.status === 304) stream.expected = 0;
      else if (method !== 'CONNECT' || head.status >= 300) {
        stream.expected = head.contentLength;
        if (endStream && head.contentLength > 0) {
          this.#malformed(stream.id, stream, errorCodes.PROTOCOL_ERROR);
          return;
        }
      }
    }
    sink.onHead(head);
    if (endStream && !stream.closed) this.#remoteEnd(stream, NO_FIELDS);
  }

  #trailers(stream: Http2Stream, endStream: boolean): void {
    const trailers = endStream && !fields.overflow ? readTrailers(fields) : null;
    const short = stream.expected !== ANY_LENGTH && stream.expected !== 0;
    if (trailers === null || short) this.#malformed(stream.id, stream, errorCodes.PROTOCOL_ERROR);
    else this.#remoteEnd(stream, trailers);
  }

  #remoteEnd(stream: Http2Stream, trailers: readonly string[]): void {
    stream.remoteEnded = true;
    stream.sink.onEnd(trailers);
    if (!stream.closed && stream.allSent) this.#remove(stream, 'ended');
  }

  // ─── errors and ends ───

  #isIdle(streamId: number): boolean {
    const ours = (streamId & 1) === (this.role === 'client' ? 1 : 0);
    return ours
      ? this.role === 'server' || streamId >= this.#nextId
      : this.role === 'client' || streamId > this.#lastPeerId;
  }

  /** A frame on a stream that is not open. What was on its way when we reset it is ignored (RFC 9113 section 5.1). */
  #afterClose(streamId: number, type: 'DATA' | 'HEADERS'): void {
    if (this.#isIdle(streamId)) {
      this.#fail(errorCodes.PROTOCOL_ERROR, `${type} on an idle stream`);
      return;
    }
    const ending = this.#closed.ending(streamId);
    if (ending === 'resetByUs') return;
    if (type === 'HEADERS' && ending === 'unknown' && this.role === 'server') {
      this.#fail(errorCodes.PROTOCOL_ERROR, 'a stream of a number lower than one before');
      return;
    }
    if (ending === 'ended') this.#fail(errorCodes.STREAM_CLOSED, `${type} on a stream that has ended`);
    else {
      this.#sendReset(streamId, errorCodes.STREAM_CLOSED);
      this.#countPremature();
    }
  }

  /** A message that is not HTTP; `stream` is missing where it has not begun to exist. */
  #malformed(streamId: number, stream: Http2Stream | null, code: number): void {
    this.counters.rx_messaging_error++;
    if (stream !== null) {
      this.#streamError(stream, code);
      return;
    }
    this.#lastPeerId = this.role === 'server' ? Math.max(this.#lastPeerId, streamId) : this.#lastPeerId;
    this.#sendReset(streamId, code);
    this.#closed.add(streamId, 'resetByUs');
    this.#countPremature();
  }

  #streamError(stream: Http2Stream, code: number): void {
    this.resetStream(stream, code);
    stream.sink.onReset(code, false);
    this.#countPremature();
  }

  #countPremature(): void {
    if (this.role === 'client' || this.failed) return;
    const flood = this.#guard.prematureReset();
    if (flood !== null) this.#fail(errorCodes.ENHANCE_YOUR_CALM, flood);
  }

  #sendReset(streamId: number, code: number): void {
    this.counters.tx_reset++;
    this.#writer.rstStream(streamId, code);
    this.touched();
  }

  #sendGoaway(code: number, message: string): void {
    this.#goawaySent = true;
    this.#lastAccepted = this.#lastPeerId;
    this.counters.goaway_sent++;
    this.#writer.goaway(this.#lastPeerId, code, message);
    this.touched();
  }

  #fail(code: number, message: string): void {
    if (this.failed) return;
    this.failed = true;
    this.#reader.stop();
    this.#sendGoaway(code, message);
    this.#resetAll(code);
    this.#events.onSessionError(code, message);
  }

  #resetAll(code: number): void {
    for (const stream of this.#streams.all()) {
      if (stream.closed) continue;
      this.#remove(stream, 'resetByPeer');
      stream.sink.onReset(code, true);
    }
  }

  #addStream(stream: Http2Stream): void {
    this.#streams.add(stream);
    this.#guard.streams++;
    this.counters.streams_active++;
  }

  #remove(stream: Http2Stream, ending: Ending): void {
    if (stream.closed) return;
    stream.release();
    this.#streams.delete(stream);
    this.#closed.add(stream.id, ending);
    this.counters.streams_active--;
    this.#events.onStreamClosed(stream);
  }
}

/** Room for the pseudo-headers' names and overhead. */
const PSEUDO_BYTES = 128;
