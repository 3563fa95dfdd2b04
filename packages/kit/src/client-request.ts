import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { outgoingHeaders } from './propagation.ts';

/** A request as both transports send it. Names are in lower case. */
export interface ClientRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | Readable | null;
  readonly signal: AbortSignal | undefined;
}

/** What `fetch` takes, without what is about browsers. */
export type ClientInit = Pick<RequestInit, 'method' | 'headers' | 'body' | 'signal'>;

/** Sends requests of one protocol. */
export interface Transport {
  /** Rejects if there is no answer. */
  send(request: ClientRequest): Promise<Response>;
  close(): void;
}

/** Rejects `https:` by throwing, as TLS is the mesh's. The headers to hand on are in it. */
export const clientRequest = (target: string | URL, init: ClientInit): ClientRequest => {
  const url = new URL(target);
  if (url.protocol !== 'http:')
    throw new TypeError(`this client speaks no TLS of its own, the mesh does: ${url.href} must begin with http://`);
  const method = (init.method ?? 'GET').toUpperCase();
  const simple = typeof init.body === 'string' || init.body instanceof Uint8Array;
  // A Request knows the content type of every kind of body.
  const given = simple || !init.body ? null : new Request(url, { ...init, duplex: 'half' });
  const own = Object.fromEntries(given?.headers ?? new Headers(init.headers));
  if (simple) {
    own['content-length'] = String(Buffer.byteLength(init.body as string | Uint8Array));
    if (typeof init.body === 'string') own['content-type'] ??= 'text/plain;charset=UTF-8';
  } else if (!given && method !== 'GET' && method !== 'HEAD') own['content-length'] = '0';
  return {
    url,
    method,
    headers: outgoingHeaders(own),
    body: given ? Readable.fromWeb(given.body as ReadableStream) : simple ? (init.body as string | Uint8Array) : null,
    signal: init.signal ?? undefined,
  };
};

/** Statuses whose answers have no body: https://fetch.spec.whatwg.org/#null-body-status. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/** `pairs`: name, value, name, value. */
export const responseOf = (status: number, statusText: string, pairs: readonly string[], body: Readable): Response => {
  const headers = new Headers();
  for (let i = 0; i + 1 < pairs.length; i += 2) headers.append(pairs[i] as string, pairs[i + 1] as string);
  if (WITHOUT_BODY.has(status)) {
    body.resume();
    return new Response(null, { status, statusText, headers });
  }
  return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, { status, statusText, headers });
};
