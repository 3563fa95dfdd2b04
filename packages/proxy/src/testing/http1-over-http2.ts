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
import { splitTarget } from '../router/target.ts';

/**
 * A socket for clients that speak HTTP/1.1 as text, where what they say goes over HTTP/2, by Node's own client, and the
 * answers come back as HTTP/1.1. So that what holds for one version can be asked of the other by the same test.
 */
export const http1OverHttp2 = (port: number, socket?: Socket): Socket => {
  const [near, far] = duplexPair();
  new Bridge(near, far, port, socket).start();
  return near as Socket;
};

const connectionOnly = new Set(['host', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'content-length']);
const { NGHTTP2_NO_ERROR, NGHTTP2_FLAG_END_STREAM } = constants;

class Bridge implements MessageSink<RequestHead> {
  readonly #near: Duplex;
  readonly #far: Duplex;
  readonly #session;
  readonly #reader = new RequestReader(this, { maxHeadBytes: 1024 * 1024, maxHeaders: 1000 });
  #stream: ClientHttp2Stream | null = null;
  #requestEnded = true;
  #responseEnded = true;
  #tunnel = false;
  /** The client said that this is its last request. */
  #last = false;

  constructor(near: Duplex, far: Duplex, port: number, socket?: Socket) {
    this.#near = near;
    this.#far = far;
    this.#session = connect(`http://127.0.0.1:${port}`, socket === undefined ? {} : { createConnection: () => socket });
  }

  start(): void {
    const { socket } = this.#session;
    const gone = (): unknown => socket.destroy();
    this.#session.on('error', () => {});
    this.#session.on('close', () => this.#far.end());
    // Whether it may ask for a tunnel, a client knows from the server's settings.
    this.#session.once('remoteSettings', () => {
      this.#near.emit('connect');
      this.#far.on('data', (bytes: Buffer) => this.#reader.push(bytes, 0, bytes.length));
    });
    this.#far.on('end', () => (this.#tunnel ? this.#stream?.end() : gone()));
    this.#far.on('close', gone);
    this.#far.on('error', gone);
    this.#far.on('drain', () => this.#stream?.resume());
  }

  onHead(head: RequestHead): void {
    const asked = { method: head.method, path: head.target, host: head.host, authority: '' };
    splitTarget(asked);
    const headers: OutgoingHttpHeaders = { ':method': head.method, ':authority': asked.host };
    if (asked.path !== '') headers[':path'] = asked.path;
    if (head.upgrade !== '') Object.assign(headers, { ':method': 'CONNECT', ':protocol': head.upgrade });
    if (head.contentLength >= 0) headers['content-length'] = String(head.contentLength);
    for (const [name, value] of pairs(head.headers))
      if (!connectionOnly.has(name)) headers[name] = [...((headers[name] ?? []) as string[]), value];
    for (const [name, values] of Object.entries(headers))
      if (Array.isArray(values) && values.length === 1) headers[name] = values[0];
    const tunnel = headers[':method'] === 'CONNECT';
    const endStream = !tunnel && !head.chunked && head.contentLength <= 0;
    this.#requestEnded = false;
    this.#responseEnded = false;
    this.#last = !head.keepAlive;
    this.#stream = this.#session.request(headers, { endStream, waitForTrailers: head.chunked });
    this.#answer(this.#stream, head);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.#stream?.write(Buffer.from(buffer.subarray(start, end)));
  }

  onEnd(trailers: readonly string[]): void {
    const stream = this.#stream;
    this.#requestEnded = true;
    if (stream !== null && !stream.writableEnded && stream.sentHeaders[':method'] !== 'CONNECT') {
      stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(pairs(trailers))));
      stream.end();
    }
    this.#settle();
  }

  onError(): void {
    this.#far.destroy();
  }

  #answer(stream: ClientHttp2Stream, { method, upgrade }: RequestHead): void {
    let chunked = false;
    let trailers: string[] = [];
    stream.on('headers', (headers) => this.#head(Number(headers[':status']), headers));
    stream.on('response', (headers, flags) => {
      const status = Number(headers[':status']);
      if (status === 200 && (method === 'CONNECT' || upgrade !== '')) {
        this.#head(
          upgrade === '' ? 200 : 101,
          headers,
          upgrade === '' ? [] : ['connection', 'upgrade', 'upgrade', upgrade],
        );
        this.#tunnel = true;
        this.#reader.tunnel();
        return;
      }
      const bodyless = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
      const silent = headers['content-length'] === undefined;
      chunked = silent && !bodyless;
      const empty = silent && bodyless && method !== 'HEAD' && status !== 204 && status !== 304;
      this.#head(status, headers, chunked ? ['transfer-encoding', 'chunked'] : empty ? ['content-length', '0'] : []);
    });
    stream.on('data', (bytes: Buffer) => {
      const framed = chunked ? [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')] : [bytes];
      if (!this.#far.write(Buffer.concat(framed))) stream.pause();
    });
    stream.on('trailers', (headers) => {
      trailers = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
    });
    stream.on('end', () => {
      if (this.#tunnel) this.#far.end();
      // Node ends the stream of a reset, too; the code says which it was.
      else if (chunked && stream.rstCode === NGHTTP2_NO_ERROR) this.#far.write(writeLastChunk(trailers));
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#stream = null;
      this.#responseEnded = true;
      if (stream.rstCode !== NGHTTP2_NO_ERROR) this.#far.destroy();
      else if (!this.#tunnel) this.#settle();
    });
  }

  #head(status: number, headers: IncomingHttpHeaders, more: readonly string[] = []): void {
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (const [name, value] of [...Object.entries(headers), ...pairs(more)])
      if (!name.startsWith(':')) for (const one of [value].flat()) text += `${name}: ${one}\r\n`;
    this.#far.write(`${text}\r\n`, 'latin1');
  }

  #settle(): void {
    if (!this.#requestEnded || !this.#responseEnded) return;
    if (this.#last || this.#session.closed || this.#session.destroyed) this.#far.end();
    else this.#reader.next();
  }
}

const pairs = (flat: readonly string[]): [string, string][] =>
  flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] as string] as [string, string]] : []));
