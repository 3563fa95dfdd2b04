import { type BodyKind, MessageReader, type MessageSink } from './message-reader.ts';
import type { HeadLimits } from './request-head.ts';
import { parseResponseHead, ResponseHead } from './response-head.ts';
import { type WireError, wireErrors } from './wire-error.ts';

/**
 * The client's side of a connection. `expect` says which method the next response answers. An informational response
 * (1xx) comes as `onHead` alone, without `onEnd`; 101 ends the HTTP of the connection: the sink then calls `tunnel`.
 */
export class ResponseReader extends MessageReader<ResponseHead> {
  readonly #limits: HeadLimits;
  #method = '';
  #length = 0;

  constructor(sink: MessageSink<ResponseHead>, limits: HeadLimits) {
    super(sink, limits.maxHeadBytes);
    this.#limits = limits;
  }

  expect(method: string): void {
    this.#method = method;
    this.next();
  }

  protected override readHead(text: string): BodyKind | WireError {
    const head = new ResponseHead();
    const error = parseResponseHead(text, head, this.#limits);
    if (error !== null) return error;
    head.bytes = text.length + 2;
    this.#length = head.contentLength;
    const { status } = head;
    if ((status < 200 || status === 204) && (head.chunked || head.contentLength !== -1)) {
      // RFC 9110 section 8.6: neither has a body. As Envoy: a length of 0 is taken out, all else an error.
      if (head.chunked || head.contentLength > 0) return wireErrors.bodyNotAllowed;
      head.headers = head.headers.filter((_, i) => head.headers[i & ~1] !== 'content-length');
      head.contentLength = -1;
    }
    if (status < 200 && status !== 101) {
      this.sink.onHead(head);
      return 'head';
    }
    const kind = this.#bodyKind(status, head);
    if (kind === 'close') head.keepAlive = false;
    this.sink.onHead(head);
    return kind;
  }

  /** RFC 9112 section 6.3. */
  #bodyKind(status: number, head: ResponseHead): BodyKind {
    if (status === 101) return 'tunnel';
    if (this.#method === 'HEAD' || status === 204 || status === 304) return 'none';
    if (this.#method === 'CONNECT' && status < 300) return 'tunnel';
    if (head.chunked) return 'chunked';
    if (head.contentLength === -1) return 'close';
    return head.contentLength > 0 ? 'length' : 'none';
  }

  protected override contentLength(): number {
    return this.#length;
  }
}
