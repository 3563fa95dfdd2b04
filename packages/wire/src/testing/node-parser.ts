// Requests as Node's own parser (llhttp, strict) reads them: the other side of the differential fuzz test.
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

export interface ParsedRequest {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  /** As on the wire, names in lower case, flat. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly complete: boolean;
}

export interface NodesView {
  readonly requests: readonly ParsedRequest[];
  /** llhttp's code and reason; empty if there was no error. */
  readonly error: string;
}

class Wire extends Duplex {
  readonly requests: { message: IncomingMessage; body: string }[] = [];
  error = '';

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

const server = createServer({
  insecureHTTPParser: false,
  maxHeaderSize: 64 * 1024,
  requireHostHeader: false,
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 0,
  connectionsCheckingInterval: 2 ** 31 - 1,
});
const take = (message: IncomingMessage): void => {
  const request = { message, body: '' };
  (message.socket as unknown as Wire).requests.push(request);
  message.on('data', (part: Buffer) => {
    request.body += part.toString('latin1');
  });
  message.on('error', () => {});
};
for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect'])
  server.on(event, (message: IncomingMessage) => take(message));
server.on('clientError', (error: Error & { code?: string; reason?: string }, socket: Duplex) => {
  const wire = socket as Wire;
  wire.error ||= `${error.code ?? ''}: ${error.reason ?? error.message}`;
});

const lowerNames = (raw: readonly string[]): string[] =>
  raw.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));

/** Each of `all` on a connection of its own, which stays open. */
export const readAsNode = async (all: readonly string[]): Promise<NodesView[]> => {
  const wires = all.map((bytes) => {
    const wire = new Wire();
    wire.on('error', () => {});
    server.emit('connection', wire);
    wire.push(Buffer.from(bytes, 'latin1'));
    return wire;
  });
  // Streams hand on what they have in the next turns of the event loop.
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  return wires.map((wire) => {
    const requests = wire.requests.map(({ message, body }) => ({
      method: message.method ?? '',
      target: message.url ?? '',
      minor: message.httpVersionMinor,
      headers: lowerNames(message.rawHeaders),
      body,
      trailers: lowerNames(message.rawTrailers),
      complete: message.complete,
    }));
    const { error } = wire;
    wire.destroy();
    return { requests, error };
  });
};
