import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAccessLogFormat, compileJsonFormat, compileTextFormat, ISTIO_TEXT_FORMAT } from './access-log.ts';
import { type AccessRecord, emptyAccessRecord } from './access-record.ts';

const record: AccessRecord = {
  ...emptyAccessRecord(),
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  durationMs: 12.4,
  method: 'GET',
  path: '/books?id=1',
  protocol: 'HTTP/1.1',
  authority: 'catalog:9080',
  responseCode: 200,
  responseFlags: '-',
  responseCodeDetails: 'via_upstream',
  requestBytes: 0,
  responseBytes: 1234,
  upstreamServiceTimeMs: 11,
  forwardedFor: '',
  userAgent: 'curl/8',
  requestId: 'abc-1',
  upstreamHost: '127.1.2.3:9080',
  upstreamCluster: 'outbound|9080||catalog.shop.svc.cluster.local',
  downstreamRemoteAddress: '127.1.2.4:5555',
  downstreamLocalAddress: '127.1.2.4:15001',
  requestedServerName: '',
  routeName: 'default',
  attempts: 2,
  requestHeaders: ['accept', 'text/html', 'x-tag', 'a', 'x-tag', 'b'],
  responseHeaders: ['content-type', 'application/json'],
  responseTrailers: ['grpc-status', '5'],
  grpcStatus: '5',
  responseStartMs: 11.2,
  requestHeadBytes: 100,
  responseHeadBytes: 50,
  downstreamPeerPrincipal: 'spiffe://cluster.local/ns/shop/sa/frontend',
};

test('Istio’s default format reads as istio-proxy writes it', () => {
  assert.equal(
    compileTextFormat(ISTIO_TEXT_FORMAT)(record),
    '[2026-01-02T03:04:05.678Z] "GET /books?id=1 HTTP/1.1" 200 - via_upstream - "-" 0 1234 12 11 "-" "curl/8" "abc-1" ' +
      '"catalog:9080" "127.1.2.3:9080" outbound|9080||catalog.shop.svc.cluster.local - 127.1.2.4:15001 127.1.2.4:5555 - default\n',
  );
});

test('operators take arguments, alternatives and lengths', () => {
  const line = (format: string): string => compileTextFormat(format)(record);
  assert.equal(line('%REQ(X-Forwarded-For?User-Agent):4% 100%%'), 'curl 100%');
  assert.equal(line('%START_TIME(%s)% %START_TIME(%s.%3f)%'), '1767323045 1767323045.678');
  assert.equal(line('%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%'), '127.1.2.4 15001');
  assert.equal(line('%UPSTREAM_REQUEST_ATTEMPT_COUNT%'), '2');
  assert.equal(line('%START_TIME(%Y/%m/%dT%H:%M:%S.%6f%z)%'), '2026/01/02T03:04:05.678000+0000');
  assert.equal(line('%START_TIME(%a, %e %b %j %I%p %T %D)%'), 'Fri,  2 Jan 002 03AM 03:04:05 01/02/26');
  assert.equal(line('%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%'), '127.1.2.3 9080');
  assert.equal(line('%RESPONSE_DURATION% %RESPONSE_TX_DURATION%'), '11 1');
  assert.equal(line('%DOWNSTREAM_WIRE_BYTES_SENT% %REQUEST_HEADERS_BYTES%'), '1284 100');
  assert.equal(line('%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%'), 'NotFound NOT_FOUND 5');
  assert.equal(line('%DOWNSTREAM_PEER_URI_SAN%'), 'spiffe://cluster.local/ns/shop/sa/frontend');
});

test('any header can be named, of request, response and trailers', () => {
  const line = (format: string): string => compileTextFormat(format)(record);
  assert.equal(line('%REQ(Accept)% %REQ(x-tag)% %REQ(x-none)%'), 'text/html a,b -');
  assert.equal(line('%RESP(Content-Type)% %TRAILER(grpc-status)%'), 'application/json 5');
  assert.equal(line('%QUERY_PARAM(id)%'), '1');
});

test('response flags in words', () => {
  const line = compileTextFormat('%RESPONSE_FLAGS_LONG%');
  assert.equal(line({ ...record, responseFlags: 'UF,URX' }), 'UpstreamConnectionFailure,UpstreamRetryLimitExceeded');
  assert.equal(line(record), '-');
});

test('what is said of the process comes from outside', () => {
  const host = { hostName: 'reviews-1', environment: (name: string) => (name === 'A' ? 'b' : undefined) };
  const text = '%HOSTNAME% %ENVIRONMENT(A)% %ENVIRONMENT(NONE)% %ENVIRONMENT(NONE:x)%';
  assert.equal(compileTextFormat(text, host)(record), 'reviews-1 b - x');
});

test('an unknown operator or header is an error of the configuration, not a dash', () => {
  for (const bad of [
    '%NO_SUCH%',
    '%REQ(:X)%',
    '%DURATION(1)%',
    '%',
    'a % b',
    '%START_TIME(%Q)%',
    '%REQ()%',
    '%REQ(a?b?c)%',
  ])
    assert.throws(() => compileTextFormat(bad), { name: 'WeftError', message: /access log format/ }, bad);
  assert.throws(() => compileJsonFormat({ a: '%NO_SUCH%' }), /unknown operator %NO_SUCH%/);
});

test('in JSON a lone operator keeps its type, and what is unset is null', () => {
  const format = compileJsonFormat({
    code: '%RESPONSE_CODE%',
    what: '%REQ(:METHOD)% %DURATION%',
    no: '%UPSTREAM_LOCAL_ADDRESS%',
  });
  assert.equal(format(record), '{"code":200,"what":"GET 12","no":null}\n');
  const nested = compileJsonFormat({ http: { code: '%RESPONSE_CODE%', tags: ['%ROUTE_NAME%', 1, true] } });
  assert.equal(nested(record), '{"http":{"code":200,"tags":["default",1,true]}}\n');
  const istio = JSON.parse(compileAccessLogFormat({ encoding: 'JSON', fields: null })(record)) as object;
  assert.equal(Object.keys(istio).length, 24);
});

test('a line break from a stranger begins no line', () => {
  const line = compileTextFormat('%REQ(USER-AGENT)%\n')({ ...record, userAgent: 'x\n[2026] "GET / HTTP/1.1" 200' });
  assert.equal(line, 'x\\x0a[2026] "GET / HTTP/1.1" 200\n');
});
