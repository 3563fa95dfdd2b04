import assert from 'node:assert/strict';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { type TestContext as Test, test } from 'node:test';
import { startListener } from '../stack.ts';
import { forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestApp, TestClient, TestPeer } from '../testing/peers.ts';

/** A pod that takes HBONE, by Node's own HTTP/2: a CONNECT leads to the port that it names. */
const startPod = async (t: Test, mesh: TestMesh) => {
  const { chainPem, privateKeyPem, bundle } = mesh.credentials('b');
  const asked: string[] = [];
  const sessions: ServerHttp2Session[] = [];
  const server = createSecureServer({
    cert: chainPem,
    key: privateKeyPem,
    ca: bundle.pem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const authority = String(headers[':authority']);
    asked.push(`${headers[':method']} ${authority} ${String(headers[':path'])}`);
    stream.on('error', () => {});
    if (authority.endsWith(':1')) {
      stream.respond({ ':status': 503 }, { endStream: true });
      return;
    }
    const inner: Socket = connect({ host: '127.0.0.1', port: Number(authority.split(':')[1]), allowHalfOpen: true });
    inner.on('connect', () => {
      stream.respond({ ':status': 200 });
      stream.pipe(inner).pipe(stream);
    });
    inner.on('error', () => stream.close());
    stream.on('close', () => inner.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { port: (server.address() as AddressInfo).port, asked, sessions };
};

const start = async (t: Test, network: Parameters<typeof listener>[0], port: number, san = spiffe('b')) => {
  const mesh = new TestMesh();
  const pod = await startPod(t, mesh);
  const context = new TestContext();
  context.tlsStore = mesh.store('a');
  const tls = tlsConfig({ peerSans: [named(san)], tunnelPort: pod.port });
  const cluster = context.addCluster('b', [port], { tls });
  const running = await startListener(listener(network), context);
  t.after(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    t.after(() => c.socket.destroy());
    return c;
  };
  return { pod, context, cluster, client };
};

const http = manager(table(forwardTo('b')));
const get = 'GET / HTTP/1.1\r\nHost: b\r\n\r\n';

const until = async (what: () => boolean): Promise<void> => {
  const deadline = performance.now() + 5000;
  while (!what()) {
    assert.ok(performance.now() < deadline, `it did not come to ${what.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test('requests go through tunnels of one session, which ends with the last of them', async (t) => {
  const app = await TestApp.start();
  t.after(() => app.close());
  const { pod, context, cluster, client } = await start(t, http, app.port);
  const clients = Array.from({ length: 5 }, () => client().send(get));
  for (const c of clients) assert.match(await c.until(/ok$/), /^HTTP\/1\.1 200/);
  assert.equal(pod.sessions.length, 1);
  assert.equal(pod.asked[0], `CONNECT 127.0.0.1:${app.port} undefined`);
  assert.equal(context.requestLabels[0]?.destinationPrincipal, spiffe('b'));
  const [host] = cluster.hosts;
  assert.ok(host);
  host.removed = true;
  for (const removed of context.removed) removed(cluster, host);
  await until(() => pod.sessions[0]?.destroyed === true);
  assert.equal(cluster.activeConnections, 0);
});

test('bytes of TCP both ways, half-closed, and more of them than buffers hold', async (t) => {
  const size = 8 << 20;
  let received = 0;
  const peer = await TestPeer.start((socket, bytes) => {
    received += bytes.length;
    if (received === size) socket.end('thanks');
  });
  t.after(() => peer.close());
  const tcp = {
    kind: 'tcp' as const,
    statPrefix: 'tcp',
    clusters: [{ name: 'b', weight: 1 }],
    idleTimeoutMs: 0,
    maxConnectionDurationMs: 0,
    maxConnectAttempts: 1,
    accessLog: [],
  };
  const { client, context } = await start(t, tcp, peer.port);
  const c = client();
  c.socket.end(Buffer.alloc(size, 97));
  assert.equal(await c.end(), 'thanks');
  assert.equal(received, size);
  await until(() => context.tcpEvents.some((event) => event.kind === 'closed'));
});

test('a tunnel that is refused, or whose end is somebody else, is a failed connection', async (t) => {
  const refused = await start(t, http, 1);
  assert.match(
    await refused
      .client()
      .send(get)
      .until(/failure$/),
    /^HTTP\/1\.1 503/,
  );
  assert.match(refused.context.records[0]?.responseCodeDetails ?? '', /the_tunnel_answers_503/);
  const app = await TestApp.start();
  t.after(() => app.close());
  const other = await start(t, http, app.port, spiffe('somebody-else'));
  assert.match(
    await other
      .client()
      .send(get)
      .until(/failure$/),
    /^HTTP\/1\.1 503/,
  );
  assert.equal(app.requests.length, 0);
  assert.equal(other.pod.asked.length, 0);
});
