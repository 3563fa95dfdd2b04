import { RingQueue } from '@weft/base/ring-queue';
import type { FloodGuard } from './flood-guard.ts';
import { FRAME_HEADER_BYTES, INITIAL_WINDOW, MAX_WINDOW } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Http2Stream } from './stream.ts';

/** What is gathered is written before it would be more than this, so that memory is bounded within a turn too. */
export const MAX_GATHERED_BYTES = 64 * 1024;

/**
 * Sends DATA as far as the windows of stream and connection (RFC 9113 section 5.2) and the socket allow. Streams whose held bytes
 * could go on but for the connection wait in a queue, and take turns, a frame each.
 */
export class SendScheduler {
  readonly #writer: FrameWriter;
  readonly #guard: FloodGuard;
  readonly #flush: () => void;
  #window = INITIAL_WINDOW;
  readonly #waiting = new RingQueue<Http2Stream>();
  #running = false;
  /** The socket takes no more for now. */
  choked = false;

  constructor(writer: FrameWriter, guard: FloodGuard, flush: () => void) {
    this.#writer = writer;
    this.#guard = guard;
    this.#flush = flush;
  }

  /** Copies what may be sent now of `buffer[start, end)`; where the rest begins. */
  send(stream: Http2Stream, buffer: Buffer, start: number, end: number): number {
    let from = start;
    while (from < end && !this.choked) {
      const bytes = Math.min(end - from, this.#window, stream.sendWindow, this.#writer.maxFrameSize);
      if (bytes <= 0) break;
      if (this.#writer.length + FRAME_HEADER_BYTES + bytes > MAX_GATHERED_BYTES) {
        this.#flush();
        if (this.choked) break;
      }
      if (this.#writer.data(stream.id, buffer, from, from + bytes)) this.#guard.dataFramesSent++;
      this.#window -= bytes;
      stream.sendWindow -= bytes;
      from += bytes;
    }
    return from;
  }

  /** The stream holds bytes. If its own window is what it lacks, it is told by `run` when that grows. */
  wait(stream: Http2Stream): void {
    if (stream.waiting || stream.sendWindow <= 0) return;
    stream.waiting = true;
    this.#waiting.push(stream);
  }

  /** False: the connection's window grew beyond what it may be. */
  grow(increment: number): boolean {
    this.#window += increment;
    if (this.#window > MAX_WINDOW) return false;
    this.run();
    return true;
  }

  /** Streams take turns until they, the windows, or the socket's room are at an end. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.choked && this.#window > 0) {
      const stream = this.#waiting.shift();
      if (stream === undefined) break;
      stream.waiting = false;
      stream.sendHeld(this.#writer.maxFrameSize);
    }
    this.#running = false;
  }
}
