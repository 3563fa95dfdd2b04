import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { WeftError } from '@weft/base/errors';
import { isLoopback, parseHostPort } from './host-port.ts';

export interface Page {
  readonly method: 'GET' | 'POST';
  /** One line, for the list of pages. */
  readonly help: string;
  readonly answer: (query: URLSearchParams) => Answer;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export const text = (body: string, status = 200): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});

export const json = (value: unknown): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(value, null, 1)}\n`,
});

/** Slow or idle callers are dropped; there is nothing long to wait for. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;

/**
 * Serves pages by path at an address, which must be loopback: whoever reaches it can read everything and stop the proxy.
 * A browser is kept out where a stranger's page would use it: names that resolve here (DNS rebinding) and requests with
 * an `Origin` are refused.
 */
export const servePages = async (
  address: string,
  purpose: string,
  pages: Readonly<Record<string, Page>>,
): Promise<{ readonly port: number; close(): void }> => {
  const { host, port } = parseHostPort(address, purpose);
  if (!isLoopback(host))
    throw new WeftError('usage', `${purpose} address ${address} is not a loopback address; use one of 127.0.0.0/8`);
  const server = createServer((request, response) => respond(pages, request, response));
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  return listen(server, host, port, purpose);
};

const respond = (pages: Readonly<Record<string, Page>>, request: IncomingMessage, response: ServerResponse): void => {
  request.resume();
  const { status, contentType, body } = answer(pages, request);
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
};

const answer = (pages: Readonly<Record<string, Page>>, request: IncomingMessage): Answer => {
  const { method = '', headers } = request;
  if (headers.origin !== undefined || !isLoopback(hostOf(headers.host ?? ''))) return text('forbidden\n', 403);
  const [path = '/', query] = (request.url ?? '/').split('?', 2);
  if (path === '/' && method === 'GET')
    return { status: 200, contentType: 'text/html; charset=utf-8', body: index(pages) };
  if (path === '/help' && method === 'GET') return text(list(pages));
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (!page) return text(`invalid path. ${list(pages)}`, 404);
  if (method !== page.method && !(method === 'HEAD' && page.method === 'GET'))
    return text(`method ${method} not allowed; use ${page.method}\n`, 405);
  try {
    return page.answer(new URLSearchParams(query));
  } catch (error) {
    return text(`${error instanceof Error ? error.message : String(error)}\n`, 500);
  }
};

const list = (pages: Readonly<Record<string, Page>>): string =>
  `admin commands are:\n${Object.entries(pages)
    .map(([path, { method, help }]) => `  ${path}${method === 'POST' ? ' (POST)' : ''}: ${help}\n`)
    .join('')}`;

/** For a person with a browser: what only shows something is a link. */
const index = (pages: Readonly<Record<string, Page>>): string => {
  const rows = Object.entries(pages).map(([path, { method, help }]) => {
    const name = method === 'GET' ? `<a href="${path}">${path}</a>` : `${path} (POST)`;
    return `<tr><td>${name}</td><td>${help.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</td></tr>\n`;
  });
  return `<!doctype html>\n<title>weft proxy</title>\n<table>\n${rows.join('')}</table>\n`;
};

/** Without the port, and an IPv6 address without its brackets. */
const hostOf = (header: string): string => header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

const listen = (
  server: Server,
  host: string,
  port: number,
  purpose: string,
): Promise<{ readonly port: number; close(): void }> =>
  new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const advice = error.code === 'EADDRINUSE' ? '; another process listens there, stop it' : '';
      const reason = `cannot listen on ${host}:${port} for ${purpose} (${error.code ?? error.message})${advice}`;
      reject(new WeftError('portInUse', reason, { cause: error }));
    });
    server.listen(port, host, () => {
      const bound = server.address();
      resolve({
        port: typeof bound === 'object' && bound ? bound.port : port,
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
