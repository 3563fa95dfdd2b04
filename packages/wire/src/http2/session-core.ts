import { RingQueue } from '@weft/base/ring-queue';
import { HpackEncoder } from '../hpack/hpack-encoder.ts';
import { ClosedStreams, type Ending } from './closed-streams.ts';
import type { Http2Counters } from './counters.ts';
import { errorCodes } from './error-codes.ts';
import type { Http2Output, Http2SessionEvents } from './events.ts';
import { FloodGuard } from './flood-guard.ts';
import { MAX_STREAM_ID } from './frame-types.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Http2Options } from './options.ts';
import { giveBack } from './output-buffers.ts';
import { PeerSettings } from './peer-settings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { MAX_GATHERED_BYTES, SendScheduler } from './send-scheduler.ts';
import type { Http2Session } from './session.ts';
import type { Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/**
 * What a session's parts share: its owner's calls (Http2Session), the peer's frames (FrameHandler) and its streams (Http2Stream) all
 * come down to this. It sends, and it ends streams and the connection.
 */
export class SessionCore {
  readonly role: 'server' | 'client';
  readonly options: Http2Options;
  readonly events: Http2SessionEvents;
  readonly counters: Http2Counters;
  readonly encoder: HpackEncoder;
  readonly writer: FrameWriter;
  readonly guard: FloodGuard;
  readonly scheduler: SendScheduler;
  readonly peer = new PeerSettings();
  readonly streams = new StreamTable();
  readonly closedStreams = new ClosedStreams();
  readonly #session: Http2Session;
  readonly #output: Http2Output;
  readonly #receiveWindow: ReceiveWindow;
  /** Buffers that the output has, the oldest first. */
  readonly #unwritten = new RingQueue<Buffer>();
  /** Called when nothing more is to be read. */
  readonly #stopReading: () => void;
  /** Client: of the next stream. */
  nextId = 1;
  /** Server: the highest that the client opened. */
  lastPeerId = 0;
  /** Streams of the peer above it are refused. */
  lastAccepted = MAX_STREAM_ID;
  goawaySent = false;
  goawayReceived = false;
  /** The owner's `drain` was called. */
  draining = false;
  failed = false;
  dirty = false;

  constructor(
    session: Http2Session,
    role: 'server' | 'client',
    options: Http2Options,
    output: Http2Output,
    events: Http2SessionEvents,
    counters: Http2Counters,
    stopReading: () => void,
  ) {
    this.role = role;
    this.options = options;
    this.events = events;
    this.counters = counters;
    this.#session = session;
    this.#output = output;
    this.#stopReading = stopReading;
    this.encoder = new HpackEncoder(options.headerTableSize);
    this.writer = new FrameWriter(this.encoder);
    this.guard = new FloodGuard(options, counters);
    this.scheduler = new SendScheduler(this.writer, this.guard, () => this.flush());
    this.#receiveWindow = new ReceiveWindow(options.initialConnectionWindow);
  }

  // ─── sending ───

  /** Something was gathered. A lot of it is written at once: a turn of the event loop may bring megabytes of PINGs. */
  touched(): void {
    if (this.writer.length >= MAX_GATHERED_BYTES) this.flush();
    if (this.dirty || this.writer.length === 0) return;
    this.dirty = true;
    this.events.onDirty(this.#session);
  }

  flush(): void {
    this.dirty = false;
    const { length } = this.writer;
    if (length === 0 || this.scheduler.choked) return;
    const buffer = this.writer.take();
    this.#unwritten.push(buffer);
    if (!this.#output.write(buffer.subarray(0, length), this.#written)) this.scheduler.choked = true;
  }

  readonly #written = (): void => {
    const buffer = this.#unwritten.shift();
    if (buffer !== undefined) giveBack(buffer);
  };

  /** A response's head, informational or not, with further headers in `extra`. */
  sendResponseHead(
    stream: Http2Stream,
    status: number,
    headers: readonly string[],
    extra: readonly string[],
    endStream: boolean,
    neverIndexed: readonly string[] | null,
  ): void {
    const maxBytes = HpackEncoder.maxBytes(headers) + HpackEncoder.maxBytes(extra) + PSEUDO_BYTES;
    const encoder = this.writer.beginHeaders(maxBytes);
    encoder.field(':status', status === 200 ? '200' : String(status), false);
    encoder.fields(headers, neverIndexed);
    encoder.fields(extra, neverIndexed);
    this.writer.endHeaders(stream.id, endStream);
    this.touched();
  }

  sendEnd(stream: Http2Stream, trailers: readonly string[]): void {
    if (trailers.length === 0) this.writer.endStream(stream.id);
    else {
      this.counters.trailers++;
      this.writer.headers(stream.id, trailers, true);
    }
    this.touched();
  }

  sendWindowUpdate(streamId: number, increment: number): void {
    if (this.failed) return;
    this.writer.windowUpdate(streamId, increment);
    this.touched();
  }

  sendReset(streamId: number, code: number): void {
    this.counters.tx_reset++;
    this.writer.rstStream(streamId, code);
    this.touched();
  }

  sendGoaway(code: number, message: string): void {
    this.goawaySent = true;
    this.lastAccepted = this.lastPeerId;
    this.counters.goaway_sent++;
    this.writer.goaway(this.lastPeerId, code, message);
    this.touched();
  }

  // ─── receiving ───

  /** DATA came, for whichever stream. False: more than was allowed. */
  received(length: number): boolean {
    return this.#receiveWindow.receive(length);
  }

  /** Octets of DATA are dealt with. */
  consumed(length: number): void {
    const increment = this.#receiveWindow.consume(length);
    if (increment > 0) this.sendWindowUpdate(0, increment);
  }

  // ─── streams and their ends ───

  addStream(stream: Http2Stream): void {
    this.streams.add(stream);
    this.guard.streams++;
    this.counters.streams_active++;
  }

  /** Everything of our side is sent. */
  localSideEnded(stream: Http2Stream): void {
    if (stream.remoteEnded && stream.allSent) this.removeStream(stream, 'ended');
  }

  removeStream(stream: Http2Stream, ending: Ending): void {
    if (stream.closed) return;
    stream.release();
    this.streams.delete(stream);
    this.closedStreams.add(stream.id, ending);
    this.counters.streams_active--;
    this.events.onStreamClosed(stream);
  }

  resetStream(stream: Http2Stream, code: number): void {
    this.sendReset(stream.id, code);
    this.removeStream(stream, 'resetByUs');
  }

  /** The peer's mistake, of one stream. */
  streamError(stream: Http2Stream, code: number): void {
    this.resetStream(stream, code);
    stream.sink.onReset(code, false);
    this.countPremature();
  }

  /** The peer had a stream end before its time, and might do so for ever. */
  countPremature(): void {
    if (this.role === 'client' || this.failed) return;
    this.endFlood(this.guard.prematureReset());
  }

  // ─── the connection's end ───

  /** Ends the connection if there is something to say; whether it did. */
  endFlood(flood: string | null): boolean {
    if (flood === null) return false;
    this.fail(errorCodes.ENHANCE_YOUR_CALM, flood);
    return true;
  }

  /** The peer's mistake, or malice, of the connection as a whole. */
  fail(code: number, message: string): void {
    if (this.failed) return;
    this.failed = true;
    this.#stopReading();
    this.sendGoaway(code, message);
    this.resetAll(code);
    this.events.onSessionError(code, message);
  }

  resetAll(code: number): void {
    for (const stream of this.streams.all()) {
      if (stream.closed) continue;
      this.removeStream(stream, 'resetByPeer');
      stream.sink.onReset(code, true);
    }
  }
}

/** Room for the pseudo-headers' names and overhead. */
export const PSEUDO_BYTES = 128;
