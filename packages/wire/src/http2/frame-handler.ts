import { FieldList } from '../hpack/field-list.ts';
import { HpackDecoder } from '../hpack/hpack-decoder.ts';
import { errorCodes } from './error-codes.ts';
import type { Http2ResponseSink } from './events.ts';
import { readTrailers } from './fields.ts';
import type { FrameSink } from './frame-reader.ts';
import { readRequestHead } from './request-head.ts';
import { readResponseHead } from './response-head.ts';
import type { SessionCore } from './session-core.ts';
import { ANY_LENGTH, Http2Stream } from './stream.ts';

const NO_FIELDS: readonly string[] = [];

/** Of the one block that is being read, in whichever session. */
const fields = new FieldList();

/** What PINGs of our own carry: the owner's, and that of a drain. */
export const pingPayload = Buffer.from('weftping', 'latin1');
export const drainPayload = Buffer.from('weftgone', 'latin1');

/** What the peer's frames do to a session and its streams: RFC 9113 sections 5 and 6. */
export class FrameHandler implements FrameSink {
  readonly #core: SessionCore;
  readonly #decoder: HpackDecoder;
  /** Of the DATA frame that is being read; null: nobody wants it. */
  #dataStream: Http2Stream | null = null;

  constructor(core: SessionCore) {
    this.#core = core;
    this.#decoder = new HpackDecoder(core.options.headerTableSize);
  }

  onDataFrame(streamId: number, length: number, payload: number, endStream: boolean): void {
    this.#dataStream = null;
    if (this.#core.endFlood(this.#core.guard.payload(payload, endStream))) return;
    if (!this.#core.received(length)) {
      this.#core.fail(errorCodes.FLOW_CONTROL_ERROR, 'more DATA than the connection allows');
      return;
    }
    const stream = this.#core.streams.get(streamId);
    if (stream === null) {
      this.#core.consumed(length);
      this.#afterClose(streamId, 'DATA');
      return;
    }
    if (stream.remoteEnded) {
      this.#core.consumed(length);
      this.#core.streamError(stream, errorCodes.STREAM_CLOSED);
      return;
    }
    let error = stream.receive(length, payload);
    if (stream.responseSink !== null && !stream.answered) error = errorCodes.PROTOCOL_ERROR;
    if (endStream && stream.expected !== ANY_LENGTH && stream.expected !== 0) error = errorCodes.PROTOCOL_ERROR;
    if (error !== errorCodes.NO_ERROR) {
      this.#core.consumed(length);
      this.#core.streamError(stream, error);
      return;
    }
    this.#dataStream = stream;
    // The padding; what is payload is counted as it is handed on.
    if (length > payload) stream.taken(length - payload);
  }

  onDataBytes(buffer: Buffer, start: number, end: number): void {
    const stream = this.#dataStream;
    if (stream === null) return;
    if (stream.closed) this.#core.consumed(end - start);
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
    this.#core.endFlood(this.#core.guard.payload(length, endStream));
  }

  onHeaders(streamId: number, endStream: boolean, dependsOn: number, buffer: Buffer, start: number, end: number): void {
    fields.reset(this.#core.options.maxHeadBytes, this.#core.options.maxHeaders);
    // Whatever becomes of the stream, the table must be kept in step with the peer's.
    if (!this.#decoder.decode(buffer, start, end, fields)) {
      this.#core.fail(errorCodes.COMPRESSION_ERROR, 'a header block is not HPACK');
      return;
    }
    const stream = this.#core.streams.get(streamId);
    if (dependsOn === streamId) this.#malformed(streamId, stream, errorCodes.PROTOCOL_ERROR);
    else if (stream === null) this.#newStream(streamId, endStream);
    else if (stream.remoteEnded) this.#core.streamError(stream, errorCodes.STREAM_CLOSED);
    else if (stream.responseSink !== null && !stream.answered) this.#response(stream, stream.responseSink, endStream);
    else this.#trailers(stream, endStream);
  }

  onPriority(streamId: number, dependsOn: number): void {
    if (this.#core.endFlood(this.#core.guard.priority())) return;
    if (dependsOn === streamId) this.#malformed(streamId, this.#core.streams.get(streamId), errorCodes.PROTOCOL_ERROR);
  }

  onRstStream(streamId: number, code: number): void {
    const stream = this.#core.streams.get(streamId);
    if (stream === null) {
      if (this.#isIdle(streamId)) this.#core.fail(errorCodes.PROTOCOL_ERROR, 'RST_STREAM on an idle stream');
      return;
    }
    this.#core.counters.rx_reset++;
    const premature = this.#core.role === 'server' && !stream.answered;
    this.#core.removeStream(stream, 'resetByPeer');
    stream.sink.onReset(code, true);
    if (premature) this.#core.countPremature();
  }

  onSettings(ack: boolean, buffer: Buffer, start: number, end: number): void {
    if (ack) return;
    const before = this.#core.peer.initialWindow;
    const error = this.#core.peer.read(buffer, start, end, this.#core.role === 'client');
    if (error !== errorCodes.NO_ERROR) {
      this.#core.fail(error, 'a setting has a value that it may not have');
      return;
    }
    this.#core.encoder.peerTableSize(this.#core.peer.headerTableSize);
    this.#core.writer.maxFrameSize = this.#core.peer.maxFrameSize;
    this.#core.writer.settingsAck();
    this.#core.touched();
    const change = this.#core.peer.initialWindow - before;
    if (change !== 0) {
      for (const stream of this.#core.streams.all()) {
        if (stream.growSendWindow(change)) continue;
        this.#core.fail(errorCodes.FLOW_CONTROL_ERROR, 'a window is too large');
        return;
      }
      this.#core.scheduler.run();
    }
    this.#core.events.onSettings();
  }

  onPing(ack: boolean, buffer: Buffer, start: number): void {
    if (!ack) {
      this.#core.writer.ping(true, buffer, start);
      this.#core.touched();
    } else if (buffer.compare(drainPayload, 0, 8, start, start + 8) === 0) {
      if (this.#core.draining && !this.#core.goawaySent) this.#core.sendGoaway(errorCodes.NO_ERROR, '');
    } else if (buffer.compare(pingPayload, 0, 8, start, start + 8) === 0) this.#core.events.onPing();
  }

  onGoawayFrame(lastStreamId: number, code: number): void {
    this.#core.goawayReceived = true;
    if (this.#core.role === 'client') {
      for (const stream of this.#core.streams.all()) {
        if (stream.id <= lastStreamId || stream.closed) continue;
        this.#core.removeStream(stream, 'resetByPeer');
        stream.sink.onReset(errorCodes.REFUSED_STREAM, true);
      }
    }
    this.#core.events.onGoaway(lastStreamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (this.#core.endFlood(this.#core.guard.windowUpdate())) return;
    if (streamId === 0) {
      if (increment === 0) this.#core.fail(errorCodes.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      else if (!this.#core.scheduler.grow(increment))
        this.#core.fail(errorCodes.FLOW_CONTROL_ERROR, 'a window is too large');
      return;
    }
    const stream = this.#core.streams.get(streamId);
    if (stream === null) {
      if (this.#isIdle(streamId)) this.#core.fail(errorCodes.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream');
    } else if (increment === 0) this.#core.streamError(stream, errorCodes.PROTOCOL_ERROR);
    else if (!stream.growSendWindow(increment)) this.#core.streamError(stream, errorCodes.FLOW_CONTROL_ERROR);
    else this.#core.scheduler.run();
  }

  onFrameError(code: number, message: string): void {
    this.#core.fail(code, message);
  }

  // ─── heads ───

  #newStream(streamId: number, endStream: boolean): void {
    if (this.#core.role === 'client') {
      if (this.#isIdle(streamId)) this.#core.fail(errorCodes.PROTOCOL_ERROR, 'a stream that the server opened');
      else this.#afterClose(streamId, 'HEADERS');
      return;
    }
    if ((streamId & 1) === 0) {
      this.#core.fail(errorCodes.PROTOCOL_ERROR, 'a client opened a stream of even number');
      return;
    }
    if (streamId <= this.#core.lastPeerId) {
      this.#afterClose(streamId, 'HEADERS');
      return;
    }
    this.#core.lastPeerId = streamId;
    this.#core.guard.streams++;
    if (this.#core.streams.size >= this.#core.options.maxConcurrentStreams || streamId > this.#core.lastAccepted) {
      this.#core.counters.stream_refused_errors++;
      this.#core.sendReset(streamId, errorCodes.REFUSED_STREAM);
      this.#core.closedStreams.add(streamId, 'resetByUs');
      this.#core.countPremature();
      return;
    }
    const head = fields.overflow ? null : readRequestHead(fields, endStream, this.#core.options.enableConnect);
    const stream = new Http2Stream(this.#core, streamId, null, '', this.#core.peer.initialWindow);
    if (head === null) {
      if (fields.overflow) this.#tooLarge(stream, endStream);
      else this.#malformed(streamId, null, errorCodes.PROTOCOL_ERROR);
      return;
    }
    if (head.method !== 'CONNECT') stream.expected = head.contentLength;
    this.#core.guard.streams--;
    this.#core.addStream(stream);
    this.#core.events.onStream(stream, head);
    if (endStream && !stream.closed) this.#remoteEnd(stream, NO_FIELDS);
  }

  /** Answered here, as nobody else could know what was asked. */
  #tooLarge(stream: Http2Stream, endStream: boolean): void {
    this.#core.counters.header_overflow++;
    this.#core.sendResponseHead(stream, 431, NO_FIELDS, NO_FIELDS, true, null);
    if (!endStream) this.#core.sendReset(stream.id, errorCodes.NO_ERROR);
    this.#core.closedStreams.add(stream.id, 'resetByUs');
  }

  #response(stream: Http2Stream, sink: Http2ResponseSink, endStream: boolean): void {
    if (fields.overflow) this.#core.counters.header_overflow++;
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
    if (!stream.closed && stream.allSent) this.#core.removeStream(stream, 'ended');
  }

  // ─── mistakes ───

  #isIdle(streamId: number): boolean {
    const ours = (streamId & 1) === (this.#core.role === 'client' ? 1 : 0);
    return ours
      ? this.#core.role === 'server' || streamId >= this.#core.nextId
      : this.#core.role === 'client' || streamId > this.#core.lastPeerId;
  }

  /** A frame on a stream that is not open. What was on its way when we reset it is ignored (RFC 9113 section 5.1). */
  #afterClose(streamId: number, type: 'DATA' | 'HEADERS'): void {
    if (this.#isIdle(streamId)) {
      this.#core.fail(errorCodes.PROTOCOL_ERROR, `${type} on an idle stream`);
      return;
    }
    const ending = this.#core.closedStreams.ending(streamId);
    if (ending === 'resetByUs') return;
    if (type === 'HEADERS' && ending === 'unknown' && this.#core.role === 'server') {
      this.#core.fail(errorCodes.PROTOCOL_ERROR, 'a stream of a number lower than one before');
      return;
    }
    if (ending === 'ended') this.#core.fail(errorCodes.STREAM_CLOSED, `${type} on a stream that has ended`);
    else {
      this.#core.sendReset(streamId, errorCodes.STREAM_CLOSED);
      this.#core.countPremature();
    }
  }

  /** A message that is not HTTP; `stream` is missing where it has not begun to exist. */
  #malformed(streamId: number, stream: Http2Stream | null, code: number): void {
    this.#core.counters.rx_messaging_error++;
    if (stream !== null) {
      this.#core.streamError(stream, code);
      return;
    }
    this.#core.lastPeerId =
      this.#core.role === 'server' ? Math.max(this.#core.lastPeerId, streamId) : this.#core.lastPeerId;
    this.#core.sendReset(streamId, code);
    this.#core.closedStreams.add(streamId, 'resetByUs');
    this.#core.countPremature();
  }
}
