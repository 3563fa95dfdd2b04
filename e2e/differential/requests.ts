// What is sent both to Envoy and to our proxy.
import { smugglingCases } from '@weft/proxy/testing/smuggling-cases';

/** `caller`: through the sidecar of a caller, to a service; `server`: to the sidecar of a server. */
export type Side = 'caller' | 'server';

export interface DifferentialRequest {
  readonly side: Side;
  readonly name: string;
  /** Latin1. `ID` stands for a name of its own, the same at both proxies; HOST for what the side is called by. */
  readonly bytes: string;
  /** Sent behind the first answer. */
  readonly then?: string;
}

const CRLF = '\r\n';
const request = (method: string, path: string, headers: readonly string[] = [], body = ''): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: HOST', 'X-Case: ID', ...headers, '', body].join(CRLF);
const get = (path: string, ...headers: string[]): string => request('GET', path, headers);
const chunked = 'Transfer-Encoding: chunked';

/** Of messages, whatever the side. Paths end in /all, which every route table has. */
const messages: Record<string, string | readonly [string, string]> = {};
const add = (name: string, bytes: string, then?: string): void => {
  messages[name] = then === undefined ? bytes : [bytes, then];
};

for (const method of [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'PURGE',
  'BREW',
  'get',
  'M-SEARCH',
])
  add(`method ${method}`, request(method, '/all'));
for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'QUERY', 'HEAD']) {
  add(`${method} with a length`, request(method, '/all', ['Content-Length: 5'], 'hello'));
  add(`${method} in chunks`, request(method, '/all', [chunked], '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'));
  add(`${method} with a length of 0`, request(method, '/all', ['Content-Length: 0']));
}
add('a body of 100 KB', request('POST', '/all', ['Content-Length: 100000'], 'x'.repeat(100_000)));
add(
  'a body of 100 KB in chunks',
  request('POST', '/all', [chunked], `1000\r\n${'x'.repeat(4096)}\r\n`.repeat(25) + '0\r\n\r\n'),
);
add('chunks with capital digits', request('POST', '/all', [chunked], `A\r\n${'x'.repeat(10)}\r\n0\r\n\r\n`));
add('chunks with an extension', request('POST', '/all', [chunked], '2;a=b;c="d"\r\nhi\r\n0;z\r\n\r\n'));
add('trailers', request('POST', '/all', [chunked, 'Trailer: X-T'], '2\r\nhi\r\n0\r\nX-T: up\r\n\r\n'));
add('Chunked', request('POST', '/all', ['transfer-encoding: Chunked'], '2\r\nhi\r\n0\r\n\r\n'));

const headerLines: Record<string, string | readonly string[]> = {
  plain: 'X-A: b',
  upper: 'X-UPPER: Value',
  lower: 'x-lower: value',
  empty: 'X-A:',
  'only spaces': 'X-A:   ',
  'no space': 'X-A:b',
  'many spaces': 'X-A:    b   ',
  tab: 'X-A:\tb\t',
  'tab inside': 'X-A: b\tc',
  colon: 'X-A: b:c',
  quotes: 'X-A: "b, c"',
  repeated: ['X-A: b', 'X-A: c'],
  'repeated apart': ['X-A: b', 'X-B: x', 'x-a: c'],
  list: 'X-A: b, c',
  underscore: 'X_A: b',
  symbols: "!#$%&'*+-.^`|~: b",
  latin1: 'X-A: \xe9',
  utf8: 'X-A: \xc3\xa9',
  'octet 128': 'X-A: \x80',
  'space before the colon': 'X-A : b',
  'tab before the colon': 'X-A\t: b',
  'no name': ': b',
  'no colon': 'X-A',
  'space in the name': 'X A: b',
  NUL: 'X-A: b\0c',
  'control character': 'X-A: b\x01c',
  DEL: 'X-A: b\x7fc',
  'bare CR': 'X-A: b\rc',
  'bare LF': 'X-A: b\nX-B: c',
  folded: 'X-A: b\r\n c',
  'latin1 in the name': 'X-\xe9: b',
  'brackets in the name': 'X(A): b',
  'at in the name': 'X@A: b',
  cookies: ['Cookie: a=1', 'Cookie: b=2'],
  accept: 'Accept: */*',
  'user agent': 'User-Agent: test',
  'no user agent': 'X-A: b',
  referer: 'Referer: http://x/',
  authorization: 'Authorization: Basic eDp5',
  range: 'Range: bytes=0-1',
  origin: 'Origin: https://x.com',
  te: 'TE: trailers',
  'te gzip': 'TE: gzip',
  'te both': 'TE: gzip, trailers',
  'te of the connection': ['TE: trailers', 'Connection: TE'],
  'keep-alive': 'Keep-Alive: timeout=5',
  'proxy connection': 'Proxy-Connection: keep-alive',
  'proxy authorization': 'Proxy-Authorization: x',
  via: 'Via: 1.1 x',
  'x-forwarded-for': 'X-Forwarded-For: 1.2.3.4',
  'x-forwarded-proto': 'X-Forwarded-Proto: https',
  'x-forwarded-proto odd': 'X-Forwarded-Proto: ftp',
  'x-forwarded-host': 'X-Forwarded-Host: evil',
  'x-forwarded-port': 'X-Forwarded-Port: 1',
  'x-forwarded-client-cert': 'X-Forwarded-Client-Cert: By=x',
  'x-real-ip': 'X-Real-IP: 1.2.3.4',
  forwarded: 'Forwarded: for=1.2.3.4',
  'x-envoy-original-path': 'X-Envoy-Original-Path: /x',
  'x-envoy-internal': 'X-Envoy-Internal: true',
  'x-envoy-external-address': 'X-Envoy-External-Address: 1.2.3.4',
  'x-envoy-upstream-rq-timeout-ms': 'X-Envoy-Upstream-Rq-Timeout-Ms: 1',
  'x-envoy-max-retries': 'X-Envoy-Max-Retries: 9',
  'x-envoy-retry-on': 'X-Envoy-Retry-On: 5xx',
  'x-envoy-attempt-count': 'X-Envoy-Attempt-Count: 7',
  'x-envoy-expected-rq-timeout-ms': 'X-Envoy-Expected-Rq-Timeout-Ms: 7',
  'x-envoy-decorator-operation': 'X-Envoy-Decorator-Operation: x',
  'x-envoy-peer-metadata': 'X-Envoy-Peer-Metadata: x',
  'x-envoy-force-trace': 'X-Envoy-Force-Trace: 1',
  'x-request-id': 'X-Request-Id: 3b8f4a70-0000-4000-8000-000000000000',
  'early data': 'Early-Data: 1',
  h2: 'HTTP2-Settings: x',
  ':path': ':path: /x',
  'x-envoy unknown': 'X-Envoy-Whatever: 1',
};
for (const [name, lines] of Object.entries(headerLines))
  add(`header: ${name}`, get('/all', ...(typeof lines === 'string' ? [lines] : lines)));

for (const connection of [
  'close',
  'keep-alive',
  'Close',
  'close, keep-alive',
  'x-named',
  'X-Named, close',
  'upgrade',
  'x-forwarded-for',
  'cookie',
  'host',
  'authorization',
  'transfer-encoding',
  '',
])
  add(
    `Connection: ${connection}`,
    get('/all', `Connection: ${connection}`, 'X-Named: 1', 'X-Forwarded-For: 1.1.1.1', 'Cookie: a', 'Authorization: b'),
  );

for (const expect of ['100-continue', '100-Continue', 'other', '']) {
  add(`Expect: ${expect}, body at once`, request('POST', '/all', [`Expect: ${expect}`, 'Content-Length: 5'], 'hello'));
  add(`Expect: ${expect}, no body`, get('/all', `Expect: ${expect}`));
}
add(
  'Expect: 100-continue, the body after it',
  request('POST', '/all', ['Expect: 100-continue', 'Content-Length: 5']),
  'hello',
);

const paths = [
  '/',
  '/all/a//b',
  '/all//',
  '//all',
  '/all/./a',
  '/all/../all',
  '/all/a/..',
  '/../all',
  '/all/..',
  '/all/.',
  '/all/%2e%2e/all',
  '/all/%2E/a',
  '/all/%2f',
  '/all/a%2Fb',
  '/all/%5c',
  '/all/\\a',
  '/all/%00',
  '/all/%0a',
  '/all/%0d%0a',
  '/all/%20',
  '/all/%zz',
  '/all/%',
  '/all/%4',
  '/all/%41',
  '/all/%c3%a9',
  '/all/\xc3\xa9',
  '/all/\xe9',
  '/all/a;b',
  '/all/a;b=c/../d',
  '/all/a?b',
  '/all?',
  '/all??',
  '/all?a=/../b',
  '/all?a//b',
  '/all?%2e%2e',
  '/all?a=b#c',
  '/all#',
  '/all/a b',
  '/all/"a"',
  '/all/<a>',
  '/all/{a}',
  '/all/[a]',
  '/all/|',
  '/all/^',
  '/all/`',
  "/all/'",
  '/all/~',
  '/all/*',
  '/all/,',
  '/all/:',
  '/all/@',
  '/all/!$&()+=',
  '/ALL',
  '/all/\x7f',
  '/all/\x01',
  '/all/a\tb',
  '*',
  'all',
  '',
  '?all',
  '.',
  'http://HOST/all',
  'HTTP://HOST/all',
  'http://HOST',
  'http://HOST?x',
  'https://HOST/all',
  'ftp://HOST/all',
  'http://u:p@HOST/all',
  'http:///all',
  'http://HOST/all/../x',
  `/all/${'a'.repeat(8000)}`,
  `/all/${'a'.repeat(50_000)}`,
  `/all/${'a'.repeat(70_000)}`,
  `/all?${'a=b&'.repeat(2000)}`,
];
for (const path of paths) add(`path ${path.length > 60 ? `${path.slice(0, 20)}… (${path.length})` : path}`, get(path));
add('OPTIONS *', request('OPTIONS', '*'));

for (const [name, start] of [
  ['HTTP/1.0', 'GET /all HTTP/1.0'],
  ['HTTP/1.2', 'GET /all HTTP/1.2'],
  ['HTTP/2.0', 'GET /all HTTP/2.0'],
  ['HTTP/0.9', 'GET /all HTTP/0.9'],
  ['http/1.1', 'GET /all http/1.1'],
  ['no version', 'GET /all'],
  ['HTTP/1.10', 'GET /all HTTP/1.10'],
  ['HTTP/1', 'GET /all HTTP/1'],
  ['two spaces', 'GET  /all HTTP/1.1'],
  ['space at the end', 'GET /all HTTP/1.1 '],
  ['a space first', ' GET /all HTTP/1.1'],
  ['a tab', 'GET\t/all\tHTTP/1.1'],
  ['method with a slash', 'G/T /all HTTP/1.1'],
  ['method with a colon', 'G:T /all HTTP/1.1'],
  ['RTSP', 'OPTIONS * RTSP/1.0'],
  ['two targets', 'GET /all /x HTTP/1.1'],
] as const)
  add(`start line: ${name}`, `${start}\r\nHost: HOST\r\nX-Case: ID\r\n\r\n`);
add(
  'start line: HTTP/1.0 with keep-alive',
  'GET /all HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\nX-Case: ID\r\n\r\n',
);
add('start line: behind an empty line', `\r\n${get('/all')}`);
add('start line: behind a bare LF', `\n${get('/all')}`);
add('lines that end with LF', 'GET /all HTTP/1.1\nHost: HOST\nX-Case: ID\n\n');

for (const host of [
  'HOST:80',
  'HOST.',
  'a b',
  'a/b',
  'u@HOST',
  '',
  'HOST, x',
  'HOST:x',
  'HOST:99999',
  'HOST:',
  '[::1]',
  '[::1]:80',
  '127.0.0.1',
  '\xe9',
  'HOST\x01',
  'unknown.example',
  'UNKNOWN.example:8080',
])
  add(`Host: ${host}`, `GET /all HTTP/1.1\r\nHost: ${host}\r\nX-Case: ID\r\n\r\n`);
add('no Host', 'GET /all HTTP/1.1\r\nX-Case: ID\r\n\r\n');
add('two Hosts', get('/all', 'Host: other'));
add('two equal Hosts', get('/all', 'Host: HOST'));
add('absolute form with another Host', 'GET http://HOST/all HTTP/1.1\r\nHost: other\r\nX-Case: ID\r\n\r\n');
add('absolute form without Host', 'GET http://HOST/all HTTP/1.1\r\nX-Case: ID\r\n\r\n');

for (const kb of [10, 50, 59, 61, 70]) add(`a header of ${kb} KiB`, get('/all', `X-A: ${'x'.repeat(kb * 1024)}`));
for (const count of [50, 90, 99, 101, 150, 1000])
  add(`${count} headers more`, get('/all', ...Array<string>(count).fill('X-A: b')));
add(
  'a head of many small lines over 60 KiB',
  get('/all', ...Array.from({ length: 90 }, (_, i) => `X-${i}: ${'x'.repeat(800)}`)),
);

const webSocket = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
add('an upgrade to WebSocket', get('/all', ...webSocket), 'ping');
add('an upgrade to WebSocket in capitals', get('/all', 'Connection: upgrade', 'Upgrade: WebSocket'), 'ping');
add('an upgrade of another kind', get('/all', 'Connection: upgrade', 'Upgrade: other'));
add(
  'an upgrade to h2c',
  get('/all', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
);
add('upgrade without connection', get('/all', 'Upgrade: websocket'));
add('connection: upgrade without upgrade', get('/all', 'Connection: upgrade'));
add('CONNECT', 'CONNECT HOST:80 HTTP/1.1\r\nHost: HOST:80\r\nX-Case: ID\r\n\r\n');
add('CONNECT with a path', 'CONNECT /all HTTP/1.1\r\nHost: HOST\r\nX-Case: ID\r\n\r\n');
add('two requests, pipelined', get('/all/1') + get('/all/2'));
add('five requests, pipelined', [1, 2, 3, 4, 5].map((i) => get(`/all/${i}`)).join(''));
add('POST and GET, pipelined', request('POST', '/all/1', ['Content-Length: 2'], 'hi') + get('/all/2'));
add('a request, then another', get('/all/1'), get('/all/2'));
for (const status of [
  200, 201, 202, 204, 205, 206, 304, 301, 400, 401, 403, 404, 409, 418, 429, 500, 501, 502, 504, 599,
]) {
  add(`status ${status}`, get(`/status/${status}`));
  if (status < 400) add(`status ${status} to HEAD`, request('HEAD', `/status/${status}`));
}
for (const answer of [
  'hints',
  'close',
  'old',
  'trailers',
  'extension',
  'multiple',
  'reason',
  'hop',
  'no-reason',
  '204-length',
  '204-zero',
  'lengths',
  'both',
  'folded',
  'nul',
  'large',
  'many',
  'nonsense',
  'unasked',
  'switched',
])
  add(`answer: ${answer}`, get(`/raw/${answer}`));
for (const [name, [bytes]] of Object.entries(smugglingCases))
  add(`smuggling: ${name}`, bytes.replaceAll('Host: a\r\n', 'Host: HOST\r\nX-Case: ID\r\n'));

const routed: Record<string, string> = {};
const routedGet = (name: string, path: string, ...headers: string[]): void => {
  routed[name] = get(path, ...headers).replaceAll('HOST', 'routed');
};
for (const path of [
  '/m/exact',
  '/m/exact?x',
  '/m/exact/',
  '/M/exact',
  '/m/case',
  '/M/CASE',
  '/m/prefix',
  '/m/prefixed',
  '/m/prefix/a',
  '/m/a-12',
  '/m/a-123',
  '/m/a-12?x',
  '/m/A-12',
  '/m//exact',
  '/m/x/../exact',
  '/m/%65xact',
  '/none',
  '/m',
])
  routedGet(`match path ${path}`, path);
for (const headers of [
  ['X-A: one'],
  ['X-A: ONE'],
  ['X-A: twofold'],
  ['X-A: tree'],
  ['X-A: tre'],
  ['X-B:'],
  ['X-B: 1'],
  ['X-A: zzz'],
  ['X-A: one', 'X-A: two'],
  [],
])
  routedGet(`match headers ${headers.join(' | ')}`, '/h/x', ...headers);
for (const query of [
  '',
  '?a=1',
  '?a=12',
  '?a=2x',
  '?A=1',
  '?b=xy',
  '?b=xyz',
  '?c=1&a=1',
  '?a=1&a=3',
  '?a',
  '?a=%31',
  '?b=x&b=z',
  '?x=a=1',
])
  routedGet(`match query ${query}`, `/q/x${query}`);
routed['match method'] = request('POST', '/v/x', ['Content-Length: 0']).replaceAll('HOST', 'routed');
routed['match authority'] = get('/v/x').replaceAll('HOST', 'routed.diff');
routed['match authority with port'] = get('/v/x').replaceAll('HOST', 'routed.diff.svc.cluster.local:80');
routedGet('match scheme', '/v/x', 'X-Forwarded-Proto: https');
routedGet('match scheme http', '/v/x', 'X-Forwarded-Proto: http');
for (const path of [
  '/redirect/uri',
  '/redirect/uri?q=1',
  '/redirect/port/a',
  '/redirect/prefix/a/b?c',
  '/redirect/prefix/',
  '/direct/text',
  '/direct/empty',
  '/rewrite/prefix/a',
  '/rewrite/prefix/',
  '/rewrite/prefix/a?b',
  '/rewrite/host/x',
  '/rewrite/regex/ab/12?ab/34',
  '/headers',
  '/fault/abort',
  '/fault/delay',
  '/nobody',
  '/cors',
])
  routedGet(`route ${path}`, path);
for (const method of ['HEAD', 'POST'])
  for (const path of ['/redirect/uri', '/direct/text', '/fault/abort', '/nobody', '/headers'])
    routed[`${method} route ${path}`] = request(
      method,
      path,
      method === 'POST' ? ['Content-Length: 2'] : [],
      method === 'POST' ? 'hi' : '',
    ).replaceAll('HOST', 'routed');
routedGet('header formats', '/formats?a=b', 'X-In: caller', 'X-None: caller');
routedGet('header formats, nothing given', '/formats');
routedGet('header operations', '/headers', 'X-Set: caller', 'X-Add: caller', 'X-Gone: caller');
for (const path of [
  '/retry/fails/1',
  '/retry/fails/2',
  '/retry/fails/5',
  '/retry/cut/1',
  '/retry/cut/5',
  '/no-retry/fails/1',
  '/no-retry/cut/1',
  '/retry/status/500',
  '/retry/status/404',
  '/timeout/slow/400',
  '/timeout/slow/10',
])
  routedGet(`failing upstream ${path}`, path);
routed['retry with a body'] = request('POST', '/retry/fails/1', ['Content-Length: 5'], 'hello').replaceAll(
  'HOST',
  'routed',
);
routed['retry with a body in chunks'] = request(
  'POST',
  '/retry/fails/1',
  [chunked],
  '5\r\nhello\r\n0\r\n\r\n',
).replaceAll('HOST', 'routed');
for (const origin of ['https://a.com', 'https://b.com']) {
  routedGet(`cors ${origin}`, '/cors', `Origin: ${origin}`);
  routed[`cors preflight ${origin}`] = request('OPTIONS', '/cors', [
    `Origin: ${origin}`,
    'Access-Control-Request-Method: PUT',
  ]).replaceAll('HOST', 'routed');
}
routedGet('gRPC to nobody', '/nobody', 'Content-Type: application/grpc');
routedGet('gRPC without a route', '/none', 'Content-Type: application/grpc');

const denied: Record<string, string> = {};
for (const path of [
  '/secret',
  '/secret?x',
  '/secret/',
  '/Secret',
  '//secret',
  '/./secret',
  '/x/../secret',
  '/%73ecret',
  '/secret%00',
  '/secret;a',
  '/internal/x',
  '/internal/',
  '/internal',
  '/internal/../open',
  '/open/../internal/x',
  '/a/end',
  '/end',
  '/end/x',
  '/internal%2fx',
  '/internal\\x',
])
  denied[`policy on path ${path}`] = get(path);
denied['policy on method'] = request('DELETE', '/open');
for (const host of [
  'denied.example',
  'DENIED.example',
  'denied.example:80',
  'a.denied.example',
  'notdenied.example',
  'denied.example.',
])
  denied[`policy on host ${host}`] = get('/open').replaceAll('HOST', host);
for (const header of ['X-Deny: 1', 'X-Deny: 2', 'X-Deny: abc', 'x-deny: A', 'X-Deny:  1 '])
  denied[`policy on header ${header}`] = get('/open', header);
denied['policy on header twice'] = get('/open', 'X-Deny: 2', 'X-Deny: 1');
denied['policy on path and method'] = request('POST', '/only-me', ['Content-Length: 0']);
denied['policy on path, not method'] = get('/only-me');
denied['denied with a body, then another'] = request('POST', '/secret', ['Content-Length: 5'], 'hello') + get('/open');

const toList = (side: Side, from: typeof messages): DifferentialRequest[] =>
  Object.entries(from).map(([name, value]) => ({
    side,
    name,
    bytes: typeof value === 'string' ? value : value[0],
    ...(typeof value !== 'string' && { then: value[1] }),
  }));

export const requests: readonly DifferentialRequest[] = [
  ...toList('caller', messages),
  ...toList('caller', routed),
  ...toList('server', messages),
  ...toList('server', denied),
];
