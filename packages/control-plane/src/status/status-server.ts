import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A page of the status port: its content type and text, made when asked for. */
export interface StatusPage {
  readonly contentType: string;
  /** Undefined: there is nothing of what the query asks for (404). */
  readonly body: (query: URLSearchParams) => string | undefined;
}

export const jsonPage = (value: (query: URLSearchParams) => unknown): StatusPage => ({
  contentType: 'application/json',
  body: (query) => {
    const found = value(query);
    return found === undefined ? undefined : `${JSON.stringify(found, null, 2)}\n`;
  },
});

/** By path. Read-only, loopback only, and only for those who ask for it by a loopback name: a web page cannot. */
export const createStatusServer = (pages: ReadonlyMap<string, StatusPage>): Server => {
  const server = createServer((request, response) => answer(pages, request, response));
  server.headersTimeout = 5000;
  return server;
};

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

const answer = (pages: ReadonlyMap<string, StatusPage>, request: IncomingMessage, response: ServerResponse): void => {
  const send = (status: number, contentType: string, body: string): void => {
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (!LOOPBACK_HOST.test(request.headers.host ?? ''))
    return send(403, 'text/plain', 'ask for this by a loopback address\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'GET or HEAD\n');
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const page = pages.get(path);
  if (!page) return send(404, 'text/plain', `${[...pages.keys()].join('\n')}\n`);
  const body = page.body(new URLSearchParams(query));
  return body === undefined ? send(404, 'text/plain', 'not found\n') : send(200, page.contentType, body);
};
