import type { Duplex } from 'node:stream';
import { Http2Counters } from '../http2/counters.ts';
import type { Http2ResponseSink, Http2SessionEvents } from '../http2/events.ts';
import type { Http2RequestHead, Http2ResponseHead } from '../http2/heads.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { Http2Session } from '../http2/session.ts';
import type { Http2Stream } from '../http2/stream.ts';

/** Events that a test does not look at. */
export const quietEvents: Http2SessionEvents = {
  onStream: () => undefined,
  onGoaway: () => undefined,
  onSessionError: () => undefined,
  onSettings: () => undefined,
  onPing: () => undefined,
  onStreamClosed: () => undefined,
  onDirty: () => undefined,
};

/** Our session over a stream of bytes, flushed once per turn, as the proxy does it. */
export const sessionOver = (
  duplex: Duplex,
  role: 'server' | 'client',
  events: Partial<Http2SessionEvents> = {},
  options: Partial<Http2Options> = {},
): Http2Session => {
  const session = new Http2Session(
    role,
    { ...defaultHttp2Options, ...options },
    { write: (buffer, written) => duplex.write(buffer, written) },
    { ...quietEvents, onDirty: (s) => void setImmediate(() => s.flush()), ...events },
    new Http2Counters(),
  );
  duplex.on('data', (chunk: Buffer) => session.push(chunk, 0, chunk.length));
  duplex.on('drain', () => session.drained());
  duplex.on('error', () => undefined);
  duplex.on('close', () => session.stop());
  session.start();
  return session;
};

/** A whole message, as it came. */
export class Received implements Http2ResponseSink {
  readonly informational: Http2ResponseHead[] = [];
  head: Http2ResponseHead | null = null;
  readonly chunks: Buffer[] = [];
  trailers: readonly string[] | null = null;
  reset: { code: number; remote: boolean } | null = null;
  writable = 0;
  readonly done: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onHead(head: Http2ResponseHead): void {
    if (head.status < 200) this.informational.push(head);
    else this.head = head;
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(trailers: readonly string[]): void {
    this.trailers = trailers;
    this.#resolve();
  }

  onReset(code: number, remote: boolean): void {
    this.reset = { code, remote };
    this.#resolve();
  }

  onWritable(): void {
    this.writable++;
  }
}

/** Server: answers each request with its own body and trailers, and its path in `x-path`. */
export const echo = (stream: Http2Stream, head: Http2RequestHead): void => {
  let paused = false;
  stream.sink = {
    onData(buffer, start, end) {
      stream.data(buffer, start, end);
      if (stream.blocked && !paused) {
        paused = true;
        stream.pauseReading();
      }
    },
    onEnd: (trailers) => stream.end(trailers),
    onReset: () => undefined,
    onWritable() {
      paused = false;
      stream.resumeReading();
    },
  };
  stream.respond(200, ['x-path', head.path, 'x-method', head.method], [], false);
};
