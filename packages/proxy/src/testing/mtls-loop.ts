import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { typeUrls } from '@weft/xds-api/type-urls';
import { AdsServer } from '@weft/xds/server/ads-server';
import { makeSnapshot } from '@weft/xds/snapshot';
import { testControlPlane } from './control-plane.ts';
import { ask, freePort, until } from './running-proxy.ts';
import { clusterResource, httpListener, mtlsDownstream, mtlsUpstream } from './resources.ts';

const proxyProgram = join(import.meta.dirname, '../main.ts');
const EDS = { edsConfig: { ads: {}, resourceApiVersion: 'V3' } };

/** A sidecar that calls itself: out by `front`, mutual TLS, in by `back` (STRICT), to the application. */
export const startMtlsLoop = async (t: TestContext) => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-kept-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const app = createServer((request, response) => {
    const answer = (): unknown => response.end(`for ${String(request.headers['x-forwarded-client-cert'])}`);
    if (request.url === '/slow') setTimeout(answer, 300);
    else answer();
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.after(() => app.close());
  const appPort = (app.address() as AddressInfo).port;
  const [front, back, admin, health, metrics] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const snapshot = makeSnapshot({
    [typeUrls.cluster]: [
      { name: 'out', type: 'EDS', edsClusterConfig: EDS, transportSocket: mtlsUpstream },
      clusterResource('app', appPort),
    ],
    [typeUrls.clusterLoadAssignment]: [{ ...clusterResource('out', back).loadAssignment }],
    [typeUrls.listener]: [
      httpListener('front', front, {
        rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName: 'r' },
      }),
      httpListener(
        'back',
        back,
        {
          forwardClientCertDetails: 'SANITIZE_SET',
          setCurrentClientCertDetails: { uri: true },
          routeConfig: {
            name: 'in',
            virtualHosts: [
              { name: 'in', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'app' } }] },
            ],
          },
        },
        mtlsDownstream,
      ),
    ],
    [typeUrls.routeConfiguration]: [
      {
        name: 'r',
        virtualHosts: [
          { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'out' } }] },
        ],
      },
    ],
  });
  const ads = new AdsServer({ clock: systemClock, connect: () => ({ snapshot }), onEvent: () => {} });
  const controlPlane = await testControlPlane(t, { routes: ads.routes(() => ({ principal: 'x' })) });
  t.after(() => ads.close());
  writeFileSync(join(dir, 'root.crt'), controlPlane.root.certificatePem);
  writeFileSync(join(dir, 'token'), 'secret-token', { mode: 0o600 });
  const bootstrap: ProxyBootstrap = {
    node: {
      id: 'sidecar~127.0.0.1~a-0.default~default.svc.cluster.local',
      cluster: 'a.default',
      locality: { region: '', zone: '' },
      metadata: {
        NAMESPACE: 'default',
        NAME: 'a-0',
        WORKLOAD_NAME: 'a',
        SERVICE_ACCOUNT: 'a',
        LABELS: {},
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
  writeFileSync(join(dir, 'bootstrap.json'), JSON.stringify(bootstrap), { mode: 0o600 });
  let said = '';
  const run = (): ChildProcess => {
    const child = spawn(process.execPath, [proxyProgram, '--bootstrap', join(dir, 'bootstrap.json')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.on('data', (bytes: Buffer) => (said += bytes.toString()));
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  const ready = (): Promise<void> => until('ready', async () => (await ask(health, '/healthz/ready')).status === 200);
  return { dir, front, back, admin, controlPlane, run, ready, said: () => said };
};
