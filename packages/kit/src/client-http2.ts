import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import { openTunnel } from './client-connect.ts';
import type { TransportOptions } from './client-http1.ts';
import { type ClientRequest, responseOf, type Transport } from './client-request.ts';

/** Headers of a connection, which HTTP/2 has none of (RFC 9113 section 8.2.2). */
const OF_CONNECTION = new Set(['connection', 'host', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** HTTP/2 without TLS by prior knowledge (RFC 9113 section 3.3), one connection to each host; through a proxy in a tunnel. */
export class Http2Transport implements Transport {
  readonly #options: TransportOptions;
  readonly #sessions = new Map<string, Promise<ClientHttp2Session>>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async send(request: ClientRequest): Promise<Response> {
    const session = await this.#session(request.url);
    return exchange(session, request);
  }

  close(): void {
    for (const session of this.#sessions.values())
      session.then(
        (open) => open.close(),
        () => {},
      );
    this.#sessions.clear();
  }

  #session(url: URL): Promise<ClientHttp2Session> {
    const known = this.#sessions.get(url.origin);
    if (known) return known;
    const opening = this.#open(url, () => {
      if (this.#sessions.get(url.origin) === opening) this.#sessions.delete(url.origin);
    });
    this.#sessions.set(url.origin, opening);
    return opening;
  }

  /** `forget`: when it takes no more requests. */
  async #open(url: URL, forget: () => void): Promise<ClientHttp2Session> {
    try {
      const { connectTimeoutMs, clock, env, idleMs } = this.#options;
      const socket = await openTunnel(url, connectTimeoutMs, clock, env);
      const session = connect(url.origin, { createConnection: () => socket });
      session.on('error', forget);
      session.on('goaway', forget);
      session.on('close', forget);
      session.setTimeout(idleMs, () => {
        forget();
        session.close();
      });
      // Whoever waits for an answer keeps the process alive; an idle connection does not.
      session.unref();
      return session;
    } catch (error) {
      forget();
      throw error;
    }
  }
}

const exchange = (session: ClientHttp2Session, { url, method, headers, body, signal }: ClientRequest) =>
  new Promise<Response>((resolve, reject) => {
    const own = Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name));
    session.ref();
    const stream = session.request(
      {
        ':method': method,
        ':path': `${url.pathname}${url.search}`,
        ':scheme': 'http',
        ':authority': headers.host ?? url.host,
        ...Object.fromEntries(own),
      },
      { endStream: body === null, ...(signal && { signal }) },
    );
    stream.once('response', (received: IncomingHttpHeaders & { ':status'?: number }) =>
      resolve(responseOf(Number(received[':status']), '', pairsOf(received), stream)),
    );
    stream.once('error', reject);
    stream.once('close', () => {
      session.unref();
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR)
        reject(new Error(`the stream was reset with code ${stream.rstCode}`));
      else reject(new Error('the connection was closed without an answer'));
    });
    if (body instanceof Readable) {
      body.once('error', (error) => stream.destroy(error));
      body.pipe(stream);
    } else if (body !== null) stream.end(body);
  });

const pairsOf = (headers: IncomingHttpHeaders): string[] => {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(headers))
    if (!name.startsWith(':')) for (const one of Array.isArray(value) ? value : [value ?? '']) pairs.push(name, one);
  return pairs;
};
