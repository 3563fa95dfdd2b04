import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after } from 'node:test';

export const urlOf = (server: { address(): unknown }): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const servers: Server[] = [];

/** At the top of a file: a hook that is made within a test ends with it. */
after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

/** Listens on a free port until the test file ends. */
export const listen = async (server: Server | RequestListener): Promise<{ server: Server; url: string }> => {
  const listening = (typeof server === 'function' ? createServer(server) : server).listen(0, '127.0.0.1');
  servers.push(listening);
  await once(listening, 'listening');
  return { server: listening, url: urlOf(listening) };
};

/** Answers every request with the headers it came with. */
export const echoHeaders = (): Promise<{ server: Server; url: string }> =>
  listen((incoming, response) => {
    incoming.resume();
    response.end(JSON.stringify(incoming.headers));
  });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: Agent;
}

/** A request by somebody outside, on a connection of its own. */
export const ask = async (url: string, { body, ...options }: Ask = {}): Promise<Answer> => {
  const outgoing = request(url, { agent: new Agent(), ...options }).end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode as number, headers: response.headers, body: await text(response) };
};

/** A promise and what resolves it. (Promise.withResolvers needs Node 22.) */
export const deferred = <T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } => {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((r) => {
    resolve = r;
  });
  return { promise, resolve };
};
