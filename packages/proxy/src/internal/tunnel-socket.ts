import { Duplex } from 'node:stream';
import type { ResponseSink } from '../upstream/upstream-stream.ts';

/** Where a connection that is only the inside of a tunnel seems to come from and go to. */
export interface TunnelEnds {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/**
 * A socket that is the inside of a tunnel: what comes out of the tunnel is read from it, what is written to it goes back
 * through the exchange that has the tunnel. Bounded both ways: it is not pushed to while it is `full`, and a write is done
 * when the exchange takes more.
 */
export class TunnelSocket extends Duplex implements TunnelEnds {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  bytesRead = 0;
  bytesWritten = 0;
  /** Null: nobody is on the other side any more. */
  sink: ResponseSink | null = null;
  full = false;
  #held: (() => void) | null = null;
  #paused = false;

  constructor(ends: TunnelEnds) {
    super({ allowHalfOpen: true });
    this.remoteAddress = ends.remoteAddress;
    this.remotePort = ends.remotePort;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
    // A write that comes after the end is nobody's concern, as with a socket that the client has closed.
    this.on('error', () => {});
  }

  // ─── the tunnel's side ───

  arrived(buffer: Buffer, start: number, end: number): void {
    this.bytesRead += end - start;
    this.full = !this.push(Buffer.from(buffer.subarray(start, end)));
  }

  get sinkPaused(): boolean {
    return this.#paused;
  }

  pauseSink(): void {
    this.#paused = true;
  }

  resumeSink(): void {
    this.#paused = false;
    const done = this.#held;
    this.#held = null;
    done?.();
  }

  // ─── Duplex ───

  override _read(): void {
    if (!this.full) return;
    this.full = false;
    this.sink?.onUpstreamDrain();
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.bytesWritten += bytes.length;
    this.sink?.onResponseData(bytes, 0, bytes.length);
    this.sink?.onResponseFlush();
    if (this.#paused) this.#held = done;
    else done();
  }

  override _final(done: () => void): void {
    this.sink?.onResponseEnd([]);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { sink } = this;
    this.sink = null;
    if (sink !== null) sink.onReset('connection termination');
    done(error);
  }

  // ─── what a net.Socket has, too ───

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
}
