import {
  connect,
  constants,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import type { MessageSink } from '@weft/wire/http1/message-reader';
import type { RequestHead } from '@weft/wire/http1/request-head';
import { RequestReader } from '@weft/wire/http1/request-reader';
import { writeLastChunk } from '@weft/wire/http1/write-head';

/**
 * A socket for clients that speak HTTP/1.1 as text, where what they say goes over HTTP/2, by Node's own client, and the
 * answers come back as HTTP/1.1. So that what holds for one version can be asked of the other by the same test.
 */
export const http1OverHttp2 = (port: number, socket?: Socket): Socket => {
  const [near, far] = duplexPair();
  new Bridge(far, port, socket).start();
  return near as Socket;
};

const connectionOnly = new Set(['host', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'content-length']);

class Bridge implements MessageSink<RequestHead> {
  readonly #far: Duplex;
  readonly #session;
  readonly #reader = new RequestReader(this, { maxHeadBytes: 1024 * 1024, maxHeaders: 1000 });
  #stream: ClientHttp2Stream | null = null;
  #requestEnded = true;
  #responseEnded = true;

  constructor(far: Duplex, port: number, socket?: Socket) {
    this.#far = far;
    this.#session = connect(`http://127.0.0.1:${port}`, socket === undefined ? {} : { createConnection: () => socket });
  }

  start(): void {
    const { socket } = this.#session;
    this.#session.on('error', () => {});
    this.#session.on('close', () => this.#far.end());
    this.#far.on('data', (bytes: Buffer) => this.#reader.push(bytes, 0, bytes.length));
    // Whoever ends the stream of HTTP/1.1 has lost interest.
    this.#far.on('end', () => socket.destroy());
    this.#far.on('close', () => socket.destroy());
    this.#far.on('error', () => socket.destroy());
    this.#far.on('drain', () => this.#stream?.resume());
  }

  onHead(head: RequestHead): void {
    const headers: OutgoingHttpHeaders = { ':method': head.method, ':path': head.target, ':authority': head.host };
    if (head.contentLength >= 0) headers['content-length'] = String(head.contentLength);
    for (let i = 0; i < head.headers.length; i += 2) {
      const name = head.headers[i] as string;
      if (connectionOnly.has(name)) continue;
      const known = headers[name] as string[] | undefined;
      headers[name] = [...(known ?? []), head.headers[i + 1] as string];
    }
    for (const [name, values] of Object.entries(headers))
      if (Array.isArray(values) && values.length === 1) headers[name] = values[0];
    const endStream = !head.chunked && head.contentLength <= 0;
    this.#requestEnded = false;
    this.#responseEnded = false;
    const stream = this.#session.request(headers, { endStream, waitForTrailers: head.chunked });
    this.#stream = stream;
    this.#answer(stream, head.method);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#stream?.write(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(trailers: readonly string[]): void {
    const stream = this.#stream;
    this.#requestEnded = true;
    if (stream !== null && !stream.writableEnded) {
      stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(pairs(trailers))));
      stream.end();
    }
    this.#settle();
  }

  onError(): void {
    this.#far.destroy();
  }

  #answer(stream: ClientHttp2Stream, method: string): void {
    let chunked = false;
    let trailers: string[] = [];
    stream.on('headers', (headers) => this.#head(headers));
    stream.on('response', (headers, flags) => {
      const bodyless = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      const status = Number(headers[':status']);
      chunked = !bodyless && headers['content-length'] === undefined;
      const empty = bodyless && headers['content-length'] === undefined && method !== 'HEAD' && status !== 304;
      this.#head(headers, chunked ? ['transfer-encoding', 'chunked'] : empty ? ['content-length', '0'] : []);
    });
    stream.on('data', (bytes: Buffer) => {
      const framed = chunked ? [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')] : [bytes];
      if (!this.#far.write(Buffer.concat(framed))) stream.pause();
    });
    stream.on('trailers', (headers) => {
      trailers = Object.entries(headers)
        .map(([name, value]) => [name, String(value)])
        .flat();
    });
    stream.on('end', () => {
      // Node ends the stream of a reset, too; the code says which it was.
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      if (chunked) this.#far.write(writeLastChunk(trailers));
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#stream = null;
      this.#responseEnded = true;
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#settle();
      else this.#far.destroy();
    });
  }

  #head(headers: IncomingHttpHeaders & { ':status'?: number }, more: readonly string[] = []): void {
    const status = headers[':status'] as number;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (const [name, value] of [...Object.entries(headers), ...pairs(more)])
      if (!name.startsWith(':')) for (const one of [value].flat()) text += `${name}: ${one}\r\n`;
    this.#far.write(`${text}\r\n`, 'latin1');
  }

  #settle(): void {
    if (!this.#requestEnded || !this.#responseEnded) return;
    if (this.#session.closed || this.#session.destroyed) this.#far.end();
    else this.#reader.next();
  }
}

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] as string] as [string, string]] : []));
