import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A page of the status port: its content type and text, made when asked for. */
export interface StatusPage {
  readonly contentType: string;
  readonly body: () => string;
  /** Default 200. */
  readonly status?: () => number;
}

export const jsonPage = (value: () => unknown): StatusPage => ({
  contentType: 'application/json',
  body: () => `${JSON.stringify(value(), null, 2)}\n`,
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
  const page = pages.get((request.url ?? '').split('?')[0] ?? '');
  if (!page) return send(404, 'text/plain', `${[...pages.keys()].join('\n')}\n`);
  return send(page.status?.() ?? 200, page.contentType, page.body());
};
