import {
  createServer,
  createSecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContext } from 'node:tls';

export interface Http2AppRequest {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

/** An application that speaks HTTP/2, by Node's own codec; records what it gets as a whole. */
export class Http2App {
  readonly requests: Http2AppRequest[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  readonly streams: ServerHttp2Stream[] = [];
  /** Beneath the sessions; Node forbids to touch the session's own. */
  readonly sockets: Socket[] = [];
  readonly #server: Http2Server;

  private constructor(server: Http2Server, secure: boolean, onStream: OnStream) {
    this.#server = server;
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => this.sockets.push(socket));
    server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => {});
    });
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      this.streams.push(stream);
      stream.on('error', () => {});
      onStream(stream, headers, this);
    });
    server.on('sessionError', () => {});
  }

  /** `onStream` sees each request as it comes. With `secureContext` by TLS, which asks for a certificate. */
  static async start(
    onStream: OnStream = answer(),
    options: { settings?: object; secureContext?: SecureContext; alpn?: string[] } = {},
  ): Promise<Http2App> {
    const { settings, secureContext, alpn = ['h2'] } = options;
    const server =
      secureContext === undefined
        ? createServer({ settings })
        : (createSecureServer({
            settings,
            requestCert: true,
            ALPNProtocols: alpn,
            allowHTTP1: true,
            SNICallback: (_name, use) => use(null, secureContext),
          }) as unknown as Http2Server);
    const app = new Http2App(server, secureContext !== undefined, onStream);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const session of this.sessions) session.destroy();
  }
}

export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, app: Http2App) => void;

/** Waits for the whole request, keeps it, and answers. */
export const answer =
  (body: string | ((request: Http2AppRequest) => string) = 'ok', headers: object = {}, trailers?: object): OnStream =>
  (stream, requestHeaders, app) => {
    const parts: Buffer[] = [];
    let requestTrailers: IncomingHttpHeaders = {};
    stream.on('trailers', (given: IncomingHttpHeaders) => {
      requestTrailers = given;
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const request = {
        headers: requestHeaders,
        trailers: requestTrailers,
        body: Buffer.concat(parts).toString('latin1'),
      };
      app.requests.push(request);
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, ...headers }, { waitForTrailers: trailers !== undefined });
      if (trailers !== undefined) stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
      stream.end(typeof body === 'string' ? body : body(request));
    });
  };
