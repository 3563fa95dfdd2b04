import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { HealthCheckConfig } from '@weft/traffic/health-check/health-check-config';
import type { CheckResult } from '@weft/traffic/health-check/host-health';
import { TestCluster, clusterConfig } from '../testing/data-path.ts';
import { checks } from '../testing/health-checks.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { WorkloadTlsStore } from '../tls-store.ts';
import { probesOver } from './probes.ts';

const noTls = new WorkloadTlsStore('cluster.local');

const listen = async (t: TestContext, server: Server): Promise<number> => {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
};

const ask = (
  port: number,
  probe: HealthCheckConfig['probe'],
  tls = noTls,
  config: ReturnType<typeof tlsConfig> | null = null,
): Promise<CheckResult> => {
  const cluster = new TestCluster(clusterConfig('orders', [port], { tls: config }));
  const [host] = cluster.hosts;
  if (host === undefined) return Promise.reject(new Error('no host'));
  return new Promise((resolve) => probesOver(tls)(host, checks({ probe }), 'orders', resolve));
};

const http = (over: object = {}): HealthCheckConfig['probe'] => ({
  kind: 'http',
  method: 'GET',
  path: '/ok',
  host: '',
  headers: [],
  http2: false,
  expected: [[200, 201]],
  retriable: [],
  ...over,
});

test('HTTP: expected, retriable and other answers, over HTTP/1.1 and HTTP/2', async (t) => {
  const seen: string[] = [];
  const answer = (
    request: {
      method?: string | undefined;
      url?: string | undefined;
      authority?: string;
      headers: NodeJS.Dict<string | string[]>;
    },
    response: { writeHead(status: number): unknown; end(): unknown },
  ): void => {
    seen.push(
      `${request.method} ${request.url} ${String(request.headers.host ?? request.authority)} ${String(request.headers['x-a'])}`,
    );
    response.writeHead(Number(request.url?.slice(1)));
    response.end();
  };
  const one = await listen(t, createHttpServer(answer));
  const two = await listen(t, createHttp2Server(answer));
  for (const [port, http2] of [
    [one, false],
    [two, true],
  ] as const) {
    const result = (path: string, over: object = {}) => ask(port, http({ path, http2, ...over }));
    assert.equal(await result('/200', { headers: ['x-a', 'b'] }), 'success');
    assert.equal(await result('/500'), 'failure');
    assert.equal(await result('/500', { retriable: [[500, 501]], method: 'HEAD' }), 'retriable');
    assert.equal(await result('/404', { expected: [[400, 500]], host: 'x' }), 'success');
  }
  const expected = [
    'GET /200 orders b',
    'GET /500 orders undefined',
    'HEAD /500 orders undefined',
    'GET /404 x undefined',
  ];
  assert.deepEqual(seen, [...expected, ...expected]);
});

test('gRPC: serving, not serving, unknown service', async (t) => {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    assert.equal(headers[':path'], '/grpc.health.v1.Health/Check');
    stream.on('data', (bytes: Buffer) => {
      const service = bytes.subarray(7).toString();
      if (service === 'unknown') {
        stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.of(0, 0, 0, 0, 2, 8, service === 'well' ? 1 : 2));
    });
  });
  const port = await listen(t, server);
  const result = (service: string) => ask(port, { kind: 'grpc', service, authority: '' });
  assert.deepEqual(await Promise.all(['well', 'ill', 'unknown'].map(result)), ['success', 'failure', 'failure']);
});

test('TCP: to connect, or to get an answer that holds what is expected', async (t) => {
  const port = await listen(
    t,
    createTcpServer((socket) =>
      socket.on('data', (bytes) => socket.end(`+${bytes.toString().replace('PING', 'PONG')}`)),
    ),
  );
  const tcp = (send: string, ...receive: string[]) =>
    ask(port, { kind: 'tcp', send: Buffer.from(send), receive: receive.map((text) => Buffer.from(text)) });
  assert.equal(await tcp(''), 'success');
  assert.equal(await tcp('PING 1', 'PONG', '1'), 'success');
  assert.equal(await tcp('PING 1', '1', 'PONG'), 'network', 'in this order only');
});

test('nobody there, or somebody else than the cluster says: a network failure', async (t) => {
  const mesh = new TestMesh();
  const secureContext = (mesh.store('orders').server(tlsConfig()) ?? assert.fail()).contextFor('');
  const server = createTlsServer(
    { SNICallback: (_name, use) => use(null, secureContext), requestCert: true },
    (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    },
  );
  const port = await listen(t, server);
  const result = (name: string) =>
    ask(port, http(), mesh.store('caller'), tlsConfig({ peerSans: [named(spiffe(name))] }));
  assert.equal(await result('orders'), 'success');
  assert.equal(await result('payments'), 'network');
  assert.equal(await ask(port, http(), noTls, tlsConfig()), 'network', 'no certificate of our own yet');
  server.close();
  assert.equal(await ask(1, http()), 'network');
});
