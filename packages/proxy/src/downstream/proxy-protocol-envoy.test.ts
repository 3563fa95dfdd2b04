import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext as Test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { envoyBinary, needs } from '@weft/testkit/require';
import { readProxyHeader } from '@weft/wire/proxy-protocol/read-header';
import { writeProxyHeader } from '@weft/wire/proxy-protocol/write-header';
import { closedPort, TestClient, TestPeer } from '../testing/peers.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';
const typed = (name: string, type: string, config: object = {}): object => ({
  name,
  typed_config: { '@type': `${TYPE}.${type}`, ...config },
});
const at = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** Envoy with a listener that wants a PROXY header and says what it read, and one whose cluster at `upstream` gets one. */
const startEnvoy = async (t: Test, upstream: number): Promise<{ reads: number; writes: number }> => {
  const [reads, writes] = [await closedPort(), await closedPort()];
  const seen = { key: 'seen', value: '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%' };
  const route = {
    match: { prefix: '/' },
    direct_response: { status: 200 },
    response_headers_to_add: [{ header: seen }],
  };
  const http = typed('http', 'filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'http',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [typed('router', 'filters.http.router.v3.Router')],
  });
  const tcp = typed('tcp', 'filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'tcp', cluster: 'up' });
  const header = typed('pp', 'filters.listener.proxy_protocol.v3.ProxyProtocol');
  const transport = typed('pp', 'transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', {
    config: { version: 'V2' },
    transport_socket: typed('raw', 'transport_sockets.raw_buffer.v3.RawBuffer'),
  });
  const bootstrap = {
    node: { id: 'a', cluster: 'a' },
    static_resources: {
      listeners: [
        { name: 'writes', address: at(writes), filter_chains: [{ filters: [tcp] }] },
        { name: 'reads', address: at(reads), listener_filters: [header], filter_chains: [{ filters: [http] }] },
      ],
      clusters: [
        {
          name: 'up',
          type: 'STATIC',
          transport_socket: transport,
          load_assignment: {
            cluster_name: 'up',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: at(upstream) } }] }],
          },
        },
      ],
    },
  };
  const dir = mkdtempSync(join(tmpdir(), 'weft-pp-'));
  writeFileSync(join(dir, 'envoy.json'), JSON.stringify(bootstrap));
  const args = ['-c', join(dir, 'envoy.json'), '--use-dynamic-base-id', '-l', 'error', '--concurrency', '1'];
  const envoy = spawn(envoyBinary() ?? 'envoy', args, { stdio: 'ignore' });
  const exited = new Promise((resolve) => envoy.once('exit', resolve));
  t.after(async () => {
    envoy.kill('SIGKILL');
    await exited;
    rmSync(dir, { recursive: true, force: true });
  });
  for (const end = Date.now() + 20_000; !(await connects(reads)); await sleep(50))
    if (Date.now() > end) throw new Error('Envoy does not listen');
  return { reads, writes };
};

const connects = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

it('Envoy understands our PROXY headers, and we understand its', { skip: needs('envoy') }, async (t) => {
  const heard = Promise.withResolvers<Buffer>();
  const peer = await TestPeer.start((_, bytes) => bytes.length > 0 && heard.resolve(Buffer.from(bytes)));
  t.after(() => peer.close());
  const { reads, writes } = await startEnvoy(t, peer.port);
  const client = (port: number): TestClient => {
    const c = new TestClient(port);
    t.after(() => c.socket.destroy());
    return c;
  };
  const said = async (header: Buffer): Promise<string | undefined> => {
    const request = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
    return /seen: (.*)\r/.exec(
      await client(reads)
        .send(header.toString('latin1') + request)
        .until(/\r\n\r\n/),
    )?.[1];
  };
  for (const version of [1, 2] as const) {
    const of = (from: string, to: string): Buffer =>
      writeProxyHeader(version, { address: from, port: 4711 }, { address: to, port: 443 });
    assert.equal(await said(of('203.0.113.7', '198.51.100.9')), '203.0.113.7:4711 198.51.100.9:443');
    assert.equal(await said(of('2001:db8::7', '2001:db8::9')), '[2001:db8::7]:4711 [2001:db8::9]:443');
    assert.match((await said(writeProxyHeader(version, null, null))) ?? '', /^127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+$/);
  }
  const c = client(writes).send('hello');
  const header = readProxyHeader(await heard.promise);
  assert.ok(typeof header === 'object');
  assert.deepEqual(header.addresses, {
    source: { address: '127.0.0.1', port: c.socket.localPort },
    destination: { address: '127.0.0.1', port: writes },
  });
});
