import { Agent, type ClientRequestArgs, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Clock } from '@weft/base/clock';
import { connectInTime, type Environment, placeOf, proxyFor } from './client-connect.ts';
import { type ClientRequest, responseOf, type Transport } from './client-request.ts';

export interface TransportOptions {
  readonly connectTimeoutMs: number;
  /** A connection that nobody uses is closed after so long. */
  readonly idleMs: number;
  readonly clock: Clock;
  readonly env: Environment;
}

/** Node's pool of kept connections, with a limit to the time that connecting takes. */
class PunctualAgent extends Agent {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    super({ keepAlive: true, timeout: options.idleMs, scheduling: 'lifo' });
    this.#options = options;
  }

  override createConnection(options: ClientRequestArgs): Socket {
    const place = { host: String(options.host), port: Number(options.port) };
    return connectInTime(place, this.#options.connectTimeoutMs, this.#options.clock);
  }
}

/** HTTP/1.1 over kept connections; through a proxy in absolute form (RFC 9112 section 3.2.2). */
export class Http1Transport implements Transport {
  readonly #agent: PunctualAgent;
  readonly #env: Environment;

  constructor(options: TransportOptions) {
    this.#agent = new PunctualAgent(options);
    this.#env = options.env;
  }

  send({ url, method, headers, body, signal }: ClientRequest): Promise<Response> {
    return new Promise((resolve, reject) => {
      const proxy = proxyFor(url, this.#env);
      const path = `${url.pathname}${url.search}`;
      const request = httpRequest({
        ...(proxy ?? placeOf(url)),
        path: proxy ? `${url.origin}${path}` : path,
        method,
        headers: { host: url.host, ...headers },
        agent: this.#agent,
        ...(signal && { signal }),
      });
      request.once('response', (response) =>
        resolve(responseOf(response.statusCode as number, response.statusMessage ?? '', response.rawHeaders, response)),
      );
      request.once('error', reject);
      if (body instanceof Readable) {
        body.once('error', (error) => request.destroy(error));
        body.pipe(request);
      } else request.end(body ?? undefined);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
