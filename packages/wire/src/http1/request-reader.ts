import { type BodyKind, MessageReader, type MessageSink } from './message-reader.ts';
import { type HeadLimits, parseRequestHead, RequestHead } from './request-head.ts';
import type { WireError } from './wire-error.ts';

/** The server's side of a connection: requests, one at a time. */
export class RequestReader extends MessageReader<RequestHead> {
  readonly #limits: HeadLimits;
  #length = 0;

  constructor(sink: MessageSink<RequestHead>, limits: HeadLimits) {
    super(sink, limits.maxHeadBytes);
    this.#limits = limits;
  }

  protected override readHead(text: string): BodyKind | WireError {
    const head = new RequestHead();
    const error = parseRequestHead(text, head, this.#limits);
    if (error !== null) return error;
    head.bytes = text.length + 2;
    this.#length = head.contentLength;
    this.sink.onHead(head);
    // What follows a CONNECT is the tunnel's, held back until the sink opens it (RFC 9110 section 9.3.6).
    if (head.method === 'CONNECT') return 'none';
    if (head.chunked) return 'chunked';
    return head.contentLength > 0 ? 'length' : 'none';
  }

  protected override contentLength(): number {
    return this.#length;
  }
}
