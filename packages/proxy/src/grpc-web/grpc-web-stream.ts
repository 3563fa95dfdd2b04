import type {
  OutgoingRequest,
  ResetReason,
  ResponseSink,
  UpstreamResponseHead,
  UpstreamStream,
} from '../upstream/upstream-stream.ts';
import { Base64Decoder } from './base64-stream.ts';
import { trailerFrame } from './trailer-frame.ts';

/** What a browser sends and takes: bytes, or bytes in base64. */
export interface GrpcWeb {
  readonly textRequest: boolean;
  readonly textResponse: boolean;
}

const TYPE = /^application\/grpc-web(-text)?(?:\+proto)?(?:;|$)/;

/** Null: the request is none of gRPC-Web. */
export const grpcWebOf = (headers: readonly string[]): GrpcWeb | null => {
  let request: RegExpExecArray | null = null;
  let accepted: RegExpExecArray | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'content-type') request = TYPE.exec(headers[i + 1] as string);
    else if (headers[i] === 'accept') accepted = TYPE.exec(headers[i + 1] as string);
  }
  if (request === null) return null;
  const textRequest = request[1] !== undefined;
  return { textRequest, textResponse: accepted === null ? textRequest : accepted[1] !== undefined };
};

/** The content type of answers. */
export const grpcWebType = ({ textResponse }: GrpcWeb): string =>
  textResponse ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto';

/**
 * Lets an exchange of gRPC-Web use an upstream of gRPC: stands between the two, changes heads and bodies, and puts trailers
 * behind the body. `call` is told the status that they bring.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_web_filter
 */
export class GrpcWebStream implements UpstreamStream, ResponseSink {
  readonly #inner: UpstreamStream;
  readonly #web: GrpcWeb;
  readonly #call: { grpcStatus: string };
  readonly #decoder = new Base64Decoder();
  #sink: ResponseSink | null = null;
  /** The answer is one of gRPC. */
  #translates = false;
  /** Of an answer in base64: bytes until the next three are whole, or there are no more for now. */
  #held: Buffer[] = [];

  constructor(inner: UpstreamStream, web: GrpcWeb, call: { grpcStatus: string }) {
    this.#inner = inner;
    this.#web = web;
    this.#call = call;
  }

  get protocol(): UpstreamStream['protocol'] {
    return this.#inner.protocol;
  }
  get principal(): string {
    return this.#inner.principal;
  }
  get localAddress(): string {
    return this.#inner.localAddress;
  }
  get stale(): boolean {
    return this.#inner.stale;
  }
  get unprocessed(): boolean {
    return this.#inner.unprocessed;
  }
  get blocked(): boolean {
    return this.#inner.blocked;
  }
  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }
  get readingPaused(): boolean {
    return this.#inner.readingPaused;
  }

  // ─── the request ───

  request(sink: ResponseSink, request: OutgoingRequest): void {
    this.#sink = sink;
    const { method, path, scheme, host, extra, upgrade } = request;
    const headers = without(request.headers, HEADERS_OF_WEB);
    headers.push('content-type', 'application/grpc', 'te', 'trailers', 'grpc-accept-encoding', 'identity');
    this.#inner.request(this, { method, path, scheme, host, headers, extra, openEnded: true, upgrade });
  }

  connect(sink: ResponseSink): void {
    this.#inner.connect(sink);
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (!this.#web.textRequest) {
      this.#inner.data(buffer, start, end);
      return;
    }
    const bytes = this.#decoder.push(buffer, start, end);
    if (bytes === null) this.#fail();
    else if (bytes.length > 0) this.#inner.data(bytes, 0, bytes.length);
  }

  end(): void {
    if (!this.#decoder.complete) this.#fail();
    else this.#inner.end([]);
  }

  #fail(): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#inner.abandon();
    sink?.onReset('protocol error');
  }

  flush(): void {
    this.#inner.flush();
  }
  pauseReading(): void {
    this.#inner.pauseReading();
  }
  resumeReading(): void {
    this.#inner.resumeReading();
  }
  openTunnel(): void {
    this.#inner.openTunnel();
  }
  endWriting(): void {
    this.#inner.endWriting();
  }
  abandon(): void {
    this.#sink = null;
    this.#inner.abandon();
  }

  // ─── the response ───

  onResponseHead(head: UpstreamResponseHead): void {
    if (head.status < 200) {
      this.#sink?.onResponseHead(head);
      return;
    }
    const type = head.headers.findIndex((_, i) => i % 2 === 1 && head.headers[i - 1] === 'content-type');
    this.#translates = type !== -1 && /^application\/grpc(?:[;+]|$)/.test(head.headers[type] as string);
    if (!this.#translates) {
      this.#sink?.onResponseHead(head);
      return;
    }
    const headers = without(head.headers, HEADERS_OF_LENGTH);
    headers.push('content-type', grpcWebType(this.#web));
    const { status, reason, contentLength, upgrade, bytes } = head;
    // Without a body the status stands in the head already.
    const none = contentLength === 0;
    this.#translates = !none;
    this.#sink?.onResponseHead({ status, reason, headers, contentLength: none ? 0 : -1, upgrade, bytes });
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.#translates && this.#web.textResponse) this.#held.push(Buffer.from(buffer.subarray(start, end)));
    else this.#sink?.onResponseData(buffer, start, end);
  }

  onResponseFlush(): void {
    this.#sendText();
    this.#sink?.onResponseFlush();
  }

  onResponseEnd(trailers: readonly string[]): void {
    const sink = this.#sink;
    if (this.#translates) {
      const frame = trailerFrame(trailers);
      const status = trailers.indexOf('grpc-status');
      if (status !== -1 && status % 2 === 0) this.#call.grpcStatus = trailers[status + 1] as string;
      if (this.#web.textResponse) {
        this.#held.push(frame);
        this.#sendText();
      } else sink?.onResponseData(frame, 0, frame.length);
    }
    this.#sink = null;
    sink?.onResponseEnd(this.#translates ? [] : trailers);
  }

  /** A text with its own padding: whoever reads it need not wait for more. */
  #sendText(): void {
    if (this.#held.length === 0) return;
    const text = Buffer.from(Buffer.concat(this.#held).toString('base64'), 'latin1');
    this.#held = [];
    this.#sink?.onResponseData(text, 0, text.length);
  }

  onReset(reason: ResetReason): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.onReset(reason);
  }

  onUpstreamDrain(): void {
    this.#sink?.onUpstreamDrain();
  }
}

const HEADERS_OF_WEB: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'te',
  'accept',
  'x-grpc-web',
  'grpc-accept-encoding',
]);
const HEADERS_OF_LENGTH: ReadonlySet<string> = new Set(['content-type', 'content-length']);

const without = (headers: readonly string[], names: ReadonlySet<string>): string[] =>
  headers.filter((_, i) => !names.has(headers[i & ~1] as string));
