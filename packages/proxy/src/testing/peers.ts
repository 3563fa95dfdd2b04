import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { clientsSpeakHttp2 } from './client-version.ts';
import { http1OverHttp2 } from './http1-over-http2.ts';

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
  connections = 0;

  private constructor(handler: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString('latin1');
        const { method = '', url = '', headers, rawHeaders, trailers } = request;
        this.requests.push({ method, url, headers, rawHeaders, body, trailers });
        handler(request, response, body);
      });
    });
    this.server.keepAliveTimeout = 60_000;
    this.server.on('connection', () => this.connections++);
  }

  static async start(
    handler: (request: IncomingMessage, response: ServerResponse, body: string) => void = (_, response) =>
      void response.end('ok'),
  ): Promise<TestApp> {
    const app = new TestApp(handler);
    await listen(app.server);
    return app;
  }

  get port(): number {
    return portOf(this.server);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

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
