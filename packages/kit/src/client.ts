import { Backoff } from '@weft/base/backoff';
import { type Clock, systemClock } from '@weft/base/clock';
import { type Random, systemRandom } from '@weft/base/random';
import { type Environment, isConnectFailure } from './client-connect.ts';
import { Http1Transport } from './client-http1.ts';
import { Http2Transport } from './client-http2.ts';
import { type ClientInit, type ClientRequest, clientRequest, type Transport } from './client-request.ts';
import { DoubleRetryWarning } from './double-retry.ts';

export interface ClientOptions {
  /** How long a connection may take to be there, in ms. Default 1 s: the sidecar is on this machine. */
  readonly connectTimeoutMs?: number;
  /** A kept connection that nobody uses is closed after so long, in ms. Default 30 s. */
  readonly idleMs?: number;
  /** HTTP/2 by prior knowledge, one connection to each host. Default false: HTTP/1.1. */
  readonly http2?: boolean;
  /** Further attempts when one fails. Default 0: retries are the mesh's, which knows the replicas and has a budget. */
  readonly retries?: number;
  /** Told what should not be so. Default: `process.emitWarning`. */
  readonly warn?: (message: string) => void;
  /** `http_proxy`, `no_proxy`, `WEFT_READY_URL`. Default: the process's own. */
  readonly env?: Environment;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface Client {
  /**
   * As the `fetch` of the platform, for services in a mesh: `http:` only, no redirects followed, nothing decompressed, headers handed on. For a
   * limit in time pass `signal: AbortSignal.timeout(ms)`, or give the route a `timeout`.
   */
  fetch(url: string | URL, init?: ClientInit): Promise<Response>;
  /** Closes kept connections. */
  close(): void;
}

/** Statuses with which a proxy says that another attempt may go better. */
const RETRIED_STATUSES = new Set([502, 503, 504]);
/** RFC 9110 section 9.2.2: doing it twice is doing it once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const RETRY_BASE_MS = 25;
const RETRY_MAX_MS = 250;

export const createClient = (options: ClientOptions = {}): Client => {
  const clock = options.clock ?? systemClock;
  const env = options.env ?? process.env;
  const retries = options.retries ?? 0;
  const transportOptions = {
    connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
    idleMs: options.idleMs ?? 30_000,
    clock,
    env,
  };
  const transport: Transport = options.http2
    ? new Http2Transport(transportOptions)
    : new Http1Transport(transportOptions);
  const doubleRetry = new DoubleRetryWarning(
    retries,
    env,
    options.warn ?? ((message) => process.emitWarning(message, { code: 'WEFT_KIT_DOUBLE_RETRY' })),
  );

  const attempt = async (request: ClientRequest): Promise<Response> => {
    const response = await transport.send(request);
    doubleRetry.onAnswer(response.headers);
    return response;
  };

  return {
    async fetch(url, init = {}) {
      const request = clientRequest(url, init);
      const backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS, options.random ?? systemRandom);
      for (let left = isRepeatable(request) ? retries : 0; ; left--) {
        try {
          const response = await attempt(request);
          if (left <= 0 || !RETRIED_STATUSES.has(response.status) || !IDEMPOTENT.has(request.method)) return response;
          await response.body?.cancel();
        } catch (error) {
          const again = isConnectFailure(error) || IDEMPOTENT.has(request.method);
          if (left <= 0 || request.signal?.aborted || !again) throw error;
        }
        await clock.sleep(backoff.nextMs(), request.signal);
      }
    },
    close: () => transport.close(),
  };
};

/** A stream can be sent once. */
const isRepeatable = ({ body }: ClientRequest): boolean =>
  body === null || typeof body === 'string' || body instanceof Uint8Array;
