import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { seededRandom } from '@weft/base/random';
import { LineLog } from '@weft/telemetry/log';
import { parsePrometheusText } from '@weft/telemetry/prometheus-text';
import { typeUrls } from '@weft/xds-api/type-urls';
import { AdsServer } from '@weft/xds/server/ads-server';
import { makeSnapshot, type Snapshot } from '@weft/xds/snapshot';
import { startProxy } from './start-proxy.ts';
import { testControlPlane } from './testing/control-plane.ts';

const any = (type: string, message: object): object => ({ '@type': `type.googleapis.com/${type}`, ...message });
const filters = 'envoy.extensions.filters';

const snapshotOf = (listenPort: number, appPort: number, status: number, more: readonly object[] = []): Snapshot =>
  makeSnapshot({
    [typeUrls.cluster]: [
      { name: 'app', type: 'EDS', edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } } },
      ...more,
    ],
    [typeUrls.clusterLoadAssignment]: [
      {
        clusterName: 'app',
        endpoints: [
          { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: appPort } } } }] },
        ],
      },
    ],
    [typeUrls.listener]: [
      {
        name: 'front',
        trafficDirection: 'OUTBOUND',
        address: { socketAddress: { address: '127.0.0.1', portValue: listenPort } },
        filterChains: [
          {
            filters: [
              {
                name: 'http',
                typedConfig: any(`${filters}.network.http_connection_manager.v3.HttpConnectionManager`, {
                  statPrefix: 'front',
                  rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName: 'routes' },
                  httpFilters: [{ name: 'router', typedConfig: any(`${filters}.http.router.v3.Router`, {}) }],
                }),
              },
            ],
          },
        ],
      },
    ],
    [typeUrls.routeConfiguration]: [
      {
        name: 'routes',
        virtualHosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              { match: { path: '/fixed' }, directResponse: { status, body: { inlineString: 'fixed' } } },
              { match: { prefix: '/' }, route: { cluster: 'app' } },
            ],
          },
        ],
      },
    ],
  });

const ask = (port: number, path: string, method = 'GET') =>
  new Promise<{ status: number; body: string }>((resolve) => {
    const sent = request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', () => resolve({ status: 0, body: '' }));
    sent.end();
  });

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await systemClock.sleep(10);
  }
  assert.fail(`never: ${what}`);
};

const start = async (t: TestContext) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-proxy-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const app = createServer((_, response) => response.end('from the app')).listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.after(() => app.close());
  const appPort = (app.address() as AddressInfo).port;
  const [front, admin, health, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const ads = new AdsServer({
    clock: systemClock,
    connect: () => ({ snapshot: snapshotOf(front, appPort, 201) }),
    onEvent: () => {},
  });
  const controlPlane = await testControlPlane(t, { routes: ads.routes(() => ({ principal: 'x' })) });
  t.after(() => ads.close());
  writeFileSync(join(dir, 'root.crt'), controlPlane.root.certificatePem);
  writeFileSync(join(dir, 'token'), 'secret-token', { mode: 0o600 });
  const bootstrap: ProxyBootstrap = {
    node: {
      id: 'sidecar~127.0.0.1~a-0.default~default.svc.cluster.local',
      cluster: 'a.default',
      locality: { region: 'r', zone: 'z' },
      metadata: {
        NAMESPACE: 'default',
        NAME: 'a-0',
        WORKLOAD_NAME: 'a',
        SERVICE_ACCOUNT: 'a',
        LABELS: { app: 'a' },
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE',
        WEFT_DATA_PLANE: 'weft',
      },
    },
    trustDomain: 'cluster.local',
    discoveryAddress: `127.0.0.1:${controlPlane.port}`,
    rootCertFile: join(dir, 'root.crt'),
    tokenFile: join(dir, 'token'),
    adminAddress: `127.0.0.1:${admin}`,
    healthAddress: `127.0.0.1:${health}`,
    metricsAddress: `127.0.0.1:${metrics}`,
    terminationDrainMs: 0,
    stateDir: dir,
  };
  const said: string[] = [];
  const log = new LineLog(systemClock, (line) => said.push(line));
  const proxy = await startProxy({ bootstrap, clock: systemClock, random: seededRandom(1), log });
  t.after(() => proxy.close());
  await until('ready', async () => (await ask(health, '/healthz/ready')).status === 200);
  return { proxy, ads, appPort, front, admin, metrics, said, dir };
};

test('a proxy comes up by itself, serves, shows what it does and keeps its secrets', async (t) => {
  const { front, admin, metrics, said } = await start(t);
  assert.deepEqual(await ask(front, '/x'), { status: 200, body: 'from the app' });
  assert.deepEqual(await ask(front, '/fixed'), { status: 201, body: 'fixed' });

  const samples = parsePrometheusText((await ask(metrics, '/stats/prometheus')).body);
  const requests = samples.filter((s) => s.name === 'istio_requests_total');
  assert.deepEqual(requests.map((s) => [s.labels.get('response_code'), s.value]).sort(), [
    ['200', 1],
    ['201', 1],
  ]);

  const page = async (path: string): Promise<string> => {
    const { status, body } = await ask(admin, path);
    assert.equal(status, 200, path);
    assert.doesNotMatch(body, /PRIVATE KEY|secret-token/, path);
    return body;
  };
  assert.match(await page('/clusters'), /^app::127\.0\.0\.1:\d+::health_flags::healthy$/m);
  assert.equal(JSON.parse(await page('/clusters?format=json')).cluster_statuses[0].host_statuses.length, 1);
  assert.equal(await page('/listeners'), `front::127.0.0.1:${front}\n`);
  assert.equal(JSON.parse(await page('/listeners?format=json')).listener_statuses[0].name, 'front');
  const certs = JSON.parse(await page('/certs'));
  assert.deepEqual(certs.certificates[0].cert_chain[0].subject_alt_names, [
    { uri: 'spiffe://cluster.local/ns/default/sa/a' },
  ]);
  const dump = JSON.parse(await page('/config_dump?include_eds'));
  assert.deepEqual(
    dump.configs.map((c: { '@type': string }) => c['@type'].split('.').at(-1)),
    ['ClustersConfigDump', 'ListenersConfigDump', 'RoutesConfigDump', 'SecretsConfigDump', 'EndpointsConfigDump'],
  );
  const info = JSON.parse(await page('/server_info'));
  assert.deepEqual([info.state, info.control_plane.kind, info.node.cluster], ['LIVE', 'connected', 'a.default']);
  assert.match(await page('/stats?filter=istio_requests'), /^istio_requests_total\{.*\}: 1$/m);
  assert.ok(JSON.parse(await page('/memory')).heap_size > 0);
  assert.equal(await page('/ready'), 'LIVE\n');
  assert.match((await ask(admin, '/logging?level=debug', 'POST')).body, /debug/);
  assert.equal((await ask(admin, '/logging?level=loud', 'POST')).status, 400);
  assert.match((await ask(admin, '/logging?paths=weft:info', 'POST')).body, /info/);
  assert.equal((await ask(admin, '/logging?paths=http:info', 'POST')).status, 400);
  assert.doesNotMatch(said.join(''), /PRIVATE KEY|secret-token/);
});

test('a change is live without a new listener; what is refused leaves the last good in force, and is shown', async (t) => {
  const { front, admin, ads, appPort } = await start(t);
  const [connection] = ads.connections;
  assert.ok(connection);
  ads.push(connection.id, snapshotOf(front, appPort, 202));
  await until('the change', async () => (await ask(front, '/fixed')).status === 202);

  const bad = { name: 'bad', type: 'STATIC', lbPolicy: 'CLUSTER_PROVIDED' };
  ads.push(connection.id, snapshotOf(front, appPort, 203, [bad]));
  const refused = async () =>
    JSON.parse((await ask(admin, '/server_info')).body).refused as { name: string; reason: string }[];
  await until('the refusal', async () => (await refused()).length > 0);
  assert.equal((await refused())[0]?.name, 'bad');
  await until('what was good of it', async () => (await ask(front, '/fixed')).status === 203);
  assert.equal((await ask(front, '/x')).status, 200);
});

test('no page shows the key that is kept on the disk, in whatever form', async (t) => {
  const { admin, dir } = await start(t);
  const keyIn = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/BEGIN (?:EC )?PRIVATE KEY-----(.*?)-----END/gs)].map(
      (m) => m[1] as string,
    );
  const files = (): string[] =>
    readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((e) =>
      e.isFile() ? [join(e.parentPath, e.name)] : [],
    );
  await until('the key', async () => files().flatMap(keyIn).length > 0);
  const [pem = ''] = files().flatMap(keyIn);
  const key = Buffer.from(pem.replaceAll('\\n', ''), 'base64');
  assert.ok(key.length > 60);
  // What of it is secret stands behind the algorithm: the scalar, 32 bytes.
  const parts = [key.subarray(36, 68), key.subarray(20)].flatMap((part) => [
    part.toString('base64').slice(4, 36),
    part.toString('hex').slice(0, 40),
  ]);
  const index = (await ask(admin, '/')).body;
  const pages = [...index.matchAll(/href="([^"]+)"/g)].map((m) => m[1] as string);
  assert.ok(pages.length >= 9, String(pages));
  for (const path of [...pages, '/config_dump?include_eds', '/config_dump?resource=dynamic_active_secrets', '/help']) {
    const { status, body } = await ask(admin, path);
    assert.equal(status, 200, path);
    for (const part of ['PRIVATE KEY', pem.slice(0, 40), ...parts])
      assert.ok(!body.includes(part), `${path} has ${part}`);
    for (const [text] of body.matchAll(/[A-Za-z0-9+/]{60,}={0,2}/g))
      assert.ok(!Buffer.from(text, 'base64').includes(key.subarray(36, 60)), path);
  }
});

test('counters start again, gauges stay', async (t) => {
  const { front, admin } = await start(t);
  await ask(front, '/x');
  const counters = async (): Promise<string> =>
    (await ask(admin, '/stats?filter=^http.*downstream_rq_total|server.state')).body;
  assert.match(await counters(), /downstream_rq_total: 1/);
  assert.deepEqual(await ask(admin, '/reset_counters', 'POST'), { status: 200, body: 'OK\n' });
  assert.match(await counters(), /downstream_rq_total: 0/);
  await ask(front, '/x');
  assert.match(await counters(), /downstream_rq_total: 1/);
  assert.match((await ask(admin, '/stats?filter=cluster.app.upstream_rq_(200|completed)')).body, /upstream_rq_200: 1/);
});

/** Whether an answer asks its client to close the connection. */
const closes = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    request({ host: '127.0.0.1', port, path: '/x', agent }, (response) => {
      response.resume().on('end', () => {
        resolve(response.headers.connection === 'close');
        agent.destroy();
      });
    })
      .on('error', reject)
      .end();
  });

test('while its health check fails it serves, and asks its clients to go elsewhere', async (t) => {
  const { front, admin } = await start(t);
  assert.equal(await closes(front), false);
  assert.equal((await ask(admin, '/healthcheck/fail', 'POST')).status, 200);
  assert.deepEqual(await ask(admin, '/ready'), { status: 503, body: 'DRAINING\n' });
  assert.equal(await closes(front), true);
  await ask(admin, '/healthcheck/ok', 'POST');
  assert.equal((await ask(admin, '/ready')).status, 200);
  assert.equal(await closes(front), false);
  await ask(admin, '/drain_listeners?graceful&skip_exit', 'POST');
  assert.equal(await closes(front), true);
  assert.equal((await ask(admin, '/drain_listeners?skip_exit', 'POST')).status, 400);
});

test('/drain_listeners stops accepting, and /quitquitquit ends it', async (t) => {
  const { front, admin, proxy } = await start(t);
  assert.equal((await ask(admin, '/drain_listeners', 'POST')).status, 200);
  await until('closed', async () => (await ask(front, '/x')).status === 0);
  assert.equal((await ask(admin, '/ready')).body, 'DRAINING\n');
  assert.equal((await ask(admin, '/quitquitquit', 'POST')).status, 200);
  await proxy.ended;
});
