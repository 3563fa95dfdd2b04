// Tells what it got, in the shape that the path asks for; remembers it, for `/__seen?case=ID`, which also forgets it.
import { createServer, type IncomingMessage } from 'node:http';

/** By `x-case`, which every request has. */
const seen = new Map<string, unknown[]>();
/** By `x-case`: how many times a request came. */
const times = new Map<string, number>();

const describe = (request: IncomingMessage, body: string): Record<string, unknown> => ({
  method: request.method,
  url: request.url,
  version: request.httpVersion,
  headers: request.rawHeaders,
  body: body.length > 200 ? `${body.length} bytes` : body,
  trailers: request.rawTrailers,
});

const remember = (request: IncomingMessage, description: unknown): string => {
  const id = String(request.headers['x-case']);
  seen.set(id, [...(seen.get(id) ?? []), description]);
  return id;
};

/** Answers byte by byte, by the last part of the path. They end their connection, and say so: nobody is to reuse it. */
const raw: Record<string, string> = {
  hints: 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nCLOSEContent-Length: 2\r\n\r\nok',
  close: 'HTTP/1.1 200 OK\r\nCLOSE\r\nuntil the end',
  old: 'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  trailers: 'HTTP/1.1 200 OK\r\nCLOSETransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: down\r\n\r\n',
  extension: 'HTTP/1.1 200 OK\r\nCLOSETransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n',
  multiple: 'HTTP/1.1 200 OK\r\nCLOSESet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
  reason: 'HTTP/1.1 200 Fine By Me\r\nCLOSEContent-Length: 2\r\n\r\nok',
  hop: 'HTTP/1.1 200 OK\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n\r\nok',
  'no-reason': 'HTTP/1.1 200\r\nCLOSEContent-Length: 2\r\n\r\nok',
  '204-length': 'HTTP/1.1 204 No Content\r\nCLOSEContent-Length: 5\r\n\r\nhello',
  '204-zero': 'HTTP/1.1 204 No Content\r\nCLOSEContent-Length: 0\r\n\r\n',
  lengths: 'HTTP/1.1 200 OK\r\nCLOSEContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
  both: 'HTTP/1.1 200 OK\r\nCLOSEContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  folded: 'HTTP/1.1 200 OK\r\nCLOSEA: b\r\n c\r\nContent-Length: 2\r\n\r\nok',
  nul: 'HTTP/1.1 200 OK\r\nCLOSEA: b\0c\r\nContent-Length: 2\r\n\r\nok',
  large: `HTTP/1.1 200 OK\r\nCLOSEA: ${'x'.repeat(70_000)}\r\nContent-Length: 2\r\n\r\nok`,
  many: `HTTP/1.1 200 OK\r\nCLOSE${'A: b\r\n'.repeat(120)}Content-Length: 2\r\n\r\nok`,
  nonsense: 'SSH-2.0-OpenSSH_9\r\n\r\n',
  unasked: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  switched: 'HTTP/1.1 200 OK\r\nCLOSEContent-Length: 2\r\nUpgrade: h2c\r\n\r\nok',
};

const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  if (path === '/__seen') {
    const id = query.replace('case=', '');
    response.end(JSON.stringify(seen.get(id) ?? []));
    seen.delete(id);
    return;
  }
  if (path === '/__ready') {
    response.end('ready');
    return;
  }
  let body = '';
  request.on('data', (part: Buffer) => (body += part.toString('latin1')));
  request.on('end', () => {
    const description = describe(request, body);
    const id = remember(request, description);
    const [what = '', detail = ''] = path.split('/').slice(-2);
    const count = (times.get(id) ?? 0) + 1;
    times.set(id, count);
    const rawAnswer = raw[detail];
    if (what === 'raw' && rawAnswer !== undefined)
      request.socket.end(rawAnswer.replace('CLOSE', 'Connection: close\r\n'), 'latin1');
    else if (what === 'fails') {
      response.writeHead(count > Number(detail) ? 200 : 503, { 'x-count': String(count) });
      response.end(`answer ${count}`);
    } else if (what === 'cut') {
      if (count > Number(detail)) response.end('at last');
      else request.socket.destroy();
    } else if (what === 'slow') setTimeout(() => response.end('late'), Number(detail));
    else {
      const status = what === 'status' ? Number(detail) : 200;
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-app': ['1', '2'],
        server: 'app',
        'x-gone': 'app',
        'x-set': 'app',
      });
      response.end(status === 204 || status === 304 ? undefined : JSON.stringify(description));
    }
  });
});
server.on('upgrade', (request, socket) => {
  remember(request, describe(request, ''));
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-App: 1\r\n\r\n');
  socket.on('data', (bytes: Buffer) => socket.end(bytes.toString('latin1').toUpperCase()));
  socket.on('error', () => {});
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
