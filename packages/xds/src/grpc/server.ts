import type { Http2SecureServer, Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DEFAULT_MAX_MESSAGE_BYTES, frameMessage, MessageAssembler } from './messages.ts';
import { encodeGrpcMessage, GrpcError, type GrpcStatus, grpcCodes } from './status.ts';
import { type GrpcStream, StreamHandlers } from './stream.ts';

export interface GrpcContext {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The connection, to ask for the peer's certificate; not to read or write. */
  readonly socket: Socket | TLSSocket;
  /** Tells whoever runs the server of an error that the peer must not see the inside of. */
  readonly report: (error: unknown) => void;
}

/** Takes over a call. Must set `onMessage` and `onClose` before it returns to the event loop a second time. */
export type GrpcHandler = (stream: GrpcStream, context: GrpcContext) => void;

export interface ServeGrpcOptions {
  /** Largest message accepted, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Told what a handler threw that was not a `GrpcError`; the peer sees INTERNAL only. Default: nobody is told. */
  readonly onError?: (error: unknown, path: string) => void;
}

/**
 * Answers gRPC calls that arrive at an HTTP/2 server. Routes are by full method path
 * (`/package.Service/Method`); an unknown one gets UNIMPLEMENTED, a request that is not gRPC 415. Errors of a session
 * end that session's calls and nothing else.
 */
export const serveGrpc = (
  server: Http2Server | Http2SecureServer,
  routes: ReadonlyMap<string, GrpcHandler>,
  options: ServeGrpcOptions = {},
): void => {
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  server.on('sessionError', () => {});
  server.on('stream', (http2Stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    http2Stream.on('error', () => {});
    const contentType = headers['content-type'] ?? '';
    if (headers[':method'] !== 'POST' || !/^application\/grpc(\+proto)?($|;)/.test(contentType)) {
      http2Stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const path = String(headers[':path']);
    const report = (error: unknown): void => options.onError?.(error, path);
    const stream = new ServerStream(http2Stream, maxMessageBytes, report);
    const handler = routes.get(path);
    const encoding = headers['grpc-encoding'] ?? 'identity';
    const { session } = http2Stream;
    if (!session) return;
    if (!handler) return stream.fail(grpcCodes.unimplemented, `no method ${path}`);
    if (encoding !== 'identity') return stream.fail(grpcCodes.unimplemented, `grpc-encoding ${String(encoding)}`);
    handler(stream, { path, headers, socket: session.socket, report });
  });
};

/** A handler for calls of one request and one answer. What it throws becomes the status; not a `GrpcError`: INTERNAL. */
export const unaryHandler =
  (answer: (request: Uint8Array, context: GrpcContext) => Promise<Uint8Array> | Uint8Array): GrpcHandler =>
  (stream, context) => {
    let called = false;
    stream.onClose(() => {});
    stream.onEnd(() => {
      if (!called) stream.fail(grpcCodes.invalidArgument, 'a unary call without a message');
    });
    stream.onMessage((request) => {
      if (called) return stream.fail(grpcCodes.invalidArgument, 'a unary call with two messages');
      called = true;
      void answerUnary(stream, context, async () => answer(request, context));
    });
  };

const answerUnary = async (
  stream: GrpcStream,
  context: GrpcContext,
  answer: () => Promise<Uint8Array>,
): Promise<void> => {
  try {
    stream.write(await answer());
    stream.end();
  } catch (error) {
    if (error instanceof GrpcError) return stream.fail(error.code, error.message);
    context.report(error);
    stream.fail(grpcCodes.internal, 'internal error');
  }
};

/** A last part from this length on is not copied. */
const SHARED_BYTES = 16 * 1024;

class ServerStream implements GrpcStream {
  readonly #stream: ServerHttp2Stream;
  readonly #handlers = new StreamHandlers();
  readonly #assembler: MessageAssembler;
  readonly #report: (error: unknown) => void;
  #trailers: GrpcStatus = { code: grpcCodes.unknown, message: '' };

  constructor(stream: ServerHttp2Stream, maxMessageBytes: number, report: (error: unknown) => void) {
    this.#stream = stream;
    this.#report = report;
    this.#assembler = new MessageAssembler(maxMessageBytes, (message) => this.#handlers.message(message));
    stream.on('wantTrailers', () => {
      const { code, message } = this.#trailers;
      const trailers = { 'grpc-status': String(code), ...(message && { 'grpc-message': encodeGrpcMessage(message) }) };
      // The client half-closes when it has them. Closing here would drop them: Node sends RST_STREAM first.
      stream.sendTrailers(trailers);
    });
    stream.on('drain', () => this.#handlers.drain());
    stream.on('end', () => {
      if (!this.#assembler.idle) this.fail(grpcCodes.internal, 'the request ends within a message');
      else this.#handlers.end();
    });
    stream.on('close', () => this.#handlers.close({ code: grpcCodes.cancelled, message: 'the client went away' }));
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handlers.setMessage(handler);
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  onEnd(handler: () => void): void {
    this.#handlers.setEnd(handler);
  }

  onDrain(handler: () => void): void {
    this.#handlers.setDrain(handler);
  }

  onClose(handler: (status: GrpcStatus) => void): void {
    this.#handlers.setClose(handler);
  }

  write(message: Uint8Array | readonly Uint8Array[]): boolean {
    const stream = this.#stream;
    if (this.#handlers.closed || stream.destroyed || stream.writableEnded) return false;
    this.#respond();
    if (message instanceof Uint8Array) return stream.write(frameMessage([message]));
    const large = message.at(-1);
    if (!large || large.length < SHARED_BYTES) return stream.write(frameMessage(message));
    // Written as it is: others may be written the same bytes at the same time.
    const head = frameMessage(message.slice(0, -1), large.length);
    stream.cork();
    stream.write(head);
    const ready = stream.write(large);
    stream.uncork();
    return ready;
  }

  end(): void {
    this.#finish({ code: grpcCodes.ok, message: '' });
  }

  fail(code: number, message: string): void {
    this.#finish({ code, message });
  }

  #respond(): void {
    if (!this.#stream.headersSent)
      this.#stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  }

  #finish(status: GrpcStatus): void {
    const stream = this.#stream;
    if (this.#handlers.closed) return;
    if (!stream.destroyed && !stream.closed) {
      this.#trailers = status;
      this.#respond();
      stream.end();
      // What the client still sends is read and dropped.
      stream.resume();
    }
    this.#handlers.close(status);
  }

  #read(chunk: Buffer): void {
    try {
      this.#assembler.push(chunk);
    } catch (error) {
      if (error instanceof GrpcError) return this.fail(error.code, error.message);
      this.#report(error);
      this.fail(grpcCodes.internal, 'internal error');
    }
  }
}
