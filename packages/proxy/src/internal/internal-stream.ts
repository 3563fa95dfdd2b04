import type { ResponseSink, UpstreamStream } from '../upstream/upstream-stream.ts';
import type { TunnelSocket } from './tunnel-socket.ts';

/** The way of a CONNECT's bytes into a listener of this proxy: no connection, and nothing on the wire. */
export class InternalStream implements UpstreamStream {
  readonly protocol = 'HTTP/1.1';
  readonly principal = '';
  readonly localAddress = '';
  readonly stale = false;
  readonly unprocessed = false;
  readonly #socket: TunnelSocket;

  constructor(socket: TunnelSocket) {
    this.#socket = socket;
  }

  get blocked(): boolean {
    return this.#socket.full;
  }

  get bufferedBytes(): number {
    return this.#socket.readableLength;
  }

  get readingPaused(): boolean {
    return this.#socket.sinkPaused;
  }

  /** Only bytes go in: an exchange with another request does not get such a stream. */
  request(sink: ResponseSink): void {
    sink.onReset('protocol error');
  }

  connect(sink: ResponseSink): void {
    this.#socket.sink = sink;
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#socket.arrived(buffer, start, end);
  }

  end(): void {
    this.endWriting();
  }

  flush(): void {}

  pauseReading(): void {
    this.#socket.pauseSink();
  }

  resumeReading(): void {
    this.#socket.resumeSink();
  }

  openTunnel(): void {}

  endWriting(): void {
    this.#socket.push(null);
  }

  abandon(): void {
    this.#socket.sink = null;
    this.#socket.destroy();
  }
}
