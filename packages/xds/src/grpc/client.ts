import type { Clock } from '@weft/base/clock';
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { DEFAULT_MAX_MESSAGE_BYTES, frameMessage, MessageAssembler } from './messages.ts';
import { decodeGrpcMessage, GrpcError, type GrpcStatus, grpcCodes, statusOfHttp } from './status.ts';
import { type GrpcStream, StreamHandlers } from './stream.ts';

export interface OpenStreamOptions {
  /** Request metadata beside gRPC's own headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Largest message accepted, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
}

/**
 * Starts a call on a session that the caller opened (so the caller decides about TLS) and closes. Never throws: a
 * session that is already gone shows as `onClose` with UNAVAILABLE.
 */
export const openStream = (session: ClientHttp2Session, path: string, options: OpenStreamOptions = {}): GrpcStream => {
  const stream = new ClientStream(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  if (session.destroyed || session.closed) stream.lost('the connection is closed');
  else {
    const headers = {
      ...options.headers,
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc+proto',
    };
    stream.start(session.request(headers));
  }
  return stream;
};

export interface UnaryOptions extends OpenStreamOptions {
  readonly clock: Clock;
  /** From the call to its status. */
  readonly timeoutMs: number;
}

/** One request, one answer; rejects with `GrpcError`. */
export const unary = (
  session: ClientHttp2Session,
  path: string,
  request: Uint8Array,
  options: UnaryOptions,
): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const headers = {
      ...options.headers,
      'grpc-timeout': `${Math.max(1, Math.min(99_999_999, Math.ceil(options.timeoutMs)))}m`,
    };
    const stream = openStream(session, path, { ...options, headers });
    let answer: Uint8Array | undefined;
    const timer = options.clock.setTimer(options.timeoutMs, () =>
      stream.fail(grpcCodes.deadlineExceeded, `no answer to ${path} in ${options.timeoutMs} ms`),
    );
    stream.onMessage((message) => {
      answer = message;
    });
    stream.onClose(({ code, message }) => {
      timer.cancel();
      if (code !== grpcCodes.ok) reject(new GrpcError(code, message));
      else if (answer) resolve(answer);
      else reject(new GrpcError(grpcCodes.internal, `${path} answered without a message`));
    });
    stream.write(request);
    stream.end();
  });

class ClientStream implements GrpcStream {
  #stream: ClientHttp2Stream | null = null;
  readonly #handlers = new StreamHandlers();
  readonly #assembler: MessageAssembler;
  #httpStatus = 0;
  #status: GrpcStatus | null = null;

  constructor(maxMessageBytes: number) {
    this.#assembler = new MessageAssembler(maxMessageBytes, (message) => this.#handlers.message(message));
  }

  start(stream: ClientHttp2Stream): void {
    this.#stream = stream;
    let failure = '';
    stream.on('error', (error: Error) => {
      failure = error.message;
    });
    stream.on('response', (headers: IncomingHttpHeaders) => this.#respond(headers));
    stream.on('trailers', (headers: IncomingHttpHeaders) => this.#readStatus(headers));
    stream.on('drain', () => this.#handlers.drain());
    stream.on('end', () => {
      this.#handlers.end();
      // The trailers are here: the call is over, whatever was still to be said.
      if (this.#status) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    stream.on('close', () => {
      if (this.#status && !this.#assembler.idle)
        this.#status = { code: grpcCodes.internal, message: 'the answer ends within a message' };
      this.#handlers.close(this.#status ?? this.#statusWithoutTrailers(stream.rstCode ?? 0, failure));
    });
  }

  lost(message: string): void {
    this.#handlers.close({ code: grpcCodes.unavailable, message });
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handlers.setMessage(handler);
    this.#stream?.on('data', (chunk: Buffer) => this.#read(chunk));
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
    if (!stream || this.#handlers.closed || stream.destroyed || stream.writableEnded) return false;
    return stream.write(frameMessage(message instanceof Uint8Array ? [message] : message));
  }

  end(): void {
    if (this.#stream && !this.#stream.destroyed) this.#stream.end();
  }

  fail(code: number, message: string): void {
    if (this.#handlers.closed) return;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    this.#handlers.close({ code, message });
  }

  #respond(headers: IncomingHttpHeaders): void {
    this.#httpStatus = Number(headers[':status']);
    this.#readStatus(headers);
    const type = headers['content-type'] ?? '';
    if (this.#httpStatus !== 200) this.fail(...statusPair(this.#status ?? statusOfHttp(this.#httpStatus)));
    else if (!type.startsWith('application/grpc')) this.fail(grpcCodes.unknown, `content-type ${type} is not gRPC`);
    else if ((headers['grpc-encoding'] ?? 'identity') !== 'identity')
      this.fail(grpcCodes.internal, `grpc-encoding ${String(headers['grpc-encoding'])} was not offered`);
  }

  #readStatus(headers: IncomingHttpHeaders): void {
    const code = headers['grpc-status'];
    if (code === undefined) return;
    this.#status = { code: Number(code), message: decodeGrpcMessage(String(headers['grpc-message'] ?? '')) };
  }

  #statusWithoutTrailers(rstCode: number, failure: string): GrpcStatus {
    const message = failure || `the stream was closed without a status (HTTP/2 code ${rstCode})`;
    if (rstCode === constants.NGHTTP2_CANCEL) return { code: grpcCodes.cancelled, message };
    return { code: grpcCodes.unavailable, message };
  }

  #read(chunk: Buffer): void {
    try {
      this.#assembler.push(chunk);
    } catch (error) {
      if (error instanceof GrpcError) this.fail(error.code, error.message);
      else this.fail(grpcCodes.internal, error instanceof Error ? error.message : String(error));
    }
  }
}

const statusPair = (status: GrpcStatus): [number, string] => [status.code, status.message];
