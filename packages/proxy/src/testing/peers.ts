import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { clientsSpeakHttp2 } from './client-version.ts';
import { http1OverHttp2 } from './http1-over-http2.ts';
import { listensAt, speaksHttp2 } from './application-version.ts';

/** An application behind the proxy: records what it gets. */
export class TestApp {
  readonly requests: {
    method: string;
    url: string;
    headers: IncomingMessage['headers'];
    rawHeaders: string[];
    body: string;
    trailers: NodeJS.Dict<string>;
  }[] = [];
  readonly server: Server;
  readonly #sockets = new Set<Socket>();
  connections = 0;

  private constructor(handler: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString('latin1');
        const { method = '', url = '', headers, rawHeaders, trailers } = request;
        this.requests.push({ method, url, headers: plainHeaders(headers), rawHeaders, body, trailers });
        handler(request, speaksHttp2() ? withLength(response) : response, body);
      });
    };
    // Node's HTTP/2 server has the same form of requests and responses.
    this.server = speaksHttp2()
      ? (createHttp2Server(listener as never) as unknown as Server)
      : createServer({ keepAliveTimeout: 60_000 }, listener);
    this.server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(
    handler: (request: IncomingMessage, response: ServerResponse, body: string) => void = (_, response) =>
      void response.end('ok'),
  ): Promise<TestApp> {
    const app = new TestApp(handler);
    await listen(app.server);
    listensAt(app.port);
    return app;
  }

  get port(): number {
    return portOf(this.server);
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** As over HTTP/1.1, an answer that is given at once tells its length, and calls can be chained. */
const withLength = (response: ServerResponse): ServerResponse => {
  const end = response.end.bind(response) as (body?: string | Buffer) => ServerResponse;
  response.end = ((body?: string | Buffer) => {
    if (!response.headersSent && body !== undefined) response.setHeader('content-length', Buffer.byteLength(body));
    return end(body);
  }) as ServerResponse['end'];
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) => {
    setHeader(name, value);
    return response;
  };
  return response;
};

/** HTTP/2's pseudo headers as HTTP/1.1 has them. */
const plainHeaders = (headers: IncomingMessage['headers']): IncomingMessage['headers'] => {
  const { ':authority': authority, ':method': _m, ':path': _p, ':scheme': _s, ...plain } = headers;
  return authority === undefined ? headers : { host: String(authority), ...plain };
};

/** A server that speaks bytes. */
export class TestPeer {
  readonly server: NetServer;
  readonly sockets: Socket[] = [];
  received = '';

  private constructor(onData: (socket: Socket, bytes: Buffer, peer: TestPeer) => void) {
    this.server = createNetServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket);
      socket.on('data', (bytes: Buffer) => {
        this.received += bytes.toString('latin1');
        onData(socket, bytes, this);
      });
      socket.on('error', () => {});
    });
  }

  static async start(onData: (socket: Socket, bytes: Buffer, peer: TestPeer) => void): Promise<TestPeer> {
    const peer = new TestPeer(onData);
    await listen(peer.server);
    return peer;
  }

  get port(): number {
    return portOf(this.server);
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** A client that speaks bytes and keeps what it hears; over HTTP/2 where the test's clients do, see client-version.ts. */
export class TestClient {
  readonly socket: Socket;
  received = '';
  ended = false;
  #changed: (() => void)[] = [];

  constructor(port: number, socket?: Socket) {
    if (clientsSpeakHttp2()) this.socket = http1OverHttp2(port, socket);
    else this.socket = socket ?? connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
      this.#wake();
    });
    this.socket.on('end', () => this.#end());
    this.socket.on('close', () => this.#end());
    this.socket.on('error', () => {});
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves once what came satisfies the pattern; fails if the connection ends before. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received)) {
      if (this.ended) throw new Error(`ended without ${pattern}: ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    return this.received;
  }

  async end(): Promise<string> {
    while (!this.ended) await new Promise<void>((resolve) => this.#changed.push(resolve));
    return this.received;
  }

  #end(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/** A port where nobody listens. */
export const closedPort = async (): Promise<number> => {
  const server = createNetServer();
  await listen(server);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
};

const listen = (server: NetServer): Promise<void> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve()));

const portOf = (server: NetServer): number => (server.address() as { port: number }).port;
