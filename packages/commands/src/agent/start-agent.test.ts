import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { seededRandom } from '@weft/base/random';
import { type ControlPlane, startControlPlane } from '@weft/control-plane/control-plane';
import type { TranslateProxy } from '@weft/control-plane/serving/proxy-sessions';
import { noResources, type ResourceSet } from '@weft/translate/resource-set';
import type { SyncStatus } from '@weft/control-plane/status/sync-status';
import { peerSpiffeId } from '@weft/identity/certificate';
import { mintToken } from '@weft/identity/token';
import { LineLog } from '@weft/telemetry/log';
import { envoyBinary, needs } from '@weft/testkit/require';
import { type Agent, startAgent } from './start-agent.ts';

const ADDRESS = '127.0.0.1';
const SPIFFE_ID = 'spiffe://cluster.local/ns/default/sa/reviews';

const POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'reviews-0',
    namespace: 'default',
    labels: { app: 'reviews' },
    annotations: { 'weft.dev/workload': 'reviews' },
  },
  spec: { serviceAccountName: 'reviews', containers: [{ name: 'app', image: 'x' }] },
  status: { podIP: ADDRESS },
});

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: default }\nspec: { ports: [{ name: http, port: 80 }] }\n`;

const secret = (name: string): object => ({
  name,
  sdsConfig: {
    apiConfigSource: {
      apiType: 'GRPC',
      transportApiVersion: 'V3',
      grpcServices: [{ envoyGrpc: { clusterName: 'sds-grpc' } }],
    },
    resourceApiVersion: 'V3',
  },
});

/** An inbound listener that terminates mutual TLS, and a cluster for each service. */
const translateTo =
  (port: number): TranslateProxy =>
  (mesh) => ({ shared: noResources, own: inbound(port, [...mesh.services.keys()]) });

const inbound = (port: number, hosts: readonly string[]): ResourceSet => ({
  listeners: [
    {
      name: 'inbound',
      address: { socketAddress: { address: ADDRESS, portValue: port } },
      filterChains: [
        {
          transportSocket: {
            name: 'envoy.transport_sockets.tls',
            typedConfig: {
              '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
              commonTlsContext: {
                tlsCertificateSdsSecretConfigs: [secret('default')],
                validationContextSdsSecretConfig: secret('ROOTCA'),
              },
            },
          },
          filters: [
            {
              name: 'envoy.filters.network.http_connection_manager',
              typedConfig: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                statPrefix: 'in',
                routeConfig: { name: 'in', virtualHosts: [{ name: 'none', domains: ['*'] }] },
                httpFilters: [
                  {
                    name: 'envoy.filters.http.router',
                    typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  ],
  virtualHosts: [],
  routes: [],
  endpoints: [],
  clusters: hosts.map((host) => ({
    name: `outbound|80||${host}`,
    type: 'STATIC',
    connectTimeout: '1s',
  })),
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, ADDRESS, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** Status 0 where nothing answers. */
const page = async (port: number, path: string): Promise<{ status: number; text: string }> => {
  const request = get({ host: ADDRESS, port, path, agent: false, timeout: 2000 }).on('timeout', () =>
    request.destroy(),
  );
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode ?? 0, text };
  } catch {
    return { status: 0, text: '' };
  }
};

const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await systemClock.sleep(20);
  }
};

interface Scene {
  readonly directory: string;
  readonly manifests: string;
  readonly bootstrap: ProxyBootstrap;
  readonly inboundPort: number;
  readonly said: string[];
  controlPlane(certTtlMs?: number): Promise<ControlPlane>;
  token(): void;
  agent(signal?: AbortSignal): Promise<Agent>;
}

const scene = async (t: TestContext, envoy = envoyBinary() ?? ''): Promise<Scene> => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-agent-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const manifests = join(directory, 'services.yaml');
  writeFileSync(manifests, service('reviews'));
  const state = join(directory, 'state');
  const [xdsPort, admin, health, metrics, inboundPort] = (await Promise.all([0, 0, 0, 0, 0].map(freePort))) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const bootstrap: ProxyBootstrap = {
    node: {
      id: `sidecar~${ADDRESS}~reviews-0.default~default.svc.cluster.local`,
      cluster: 'reviews.default',
      locality: { region: 'r', zone: 'z' },
      metadata: {
        NAMESPACE: 'default',
        NAME: 'reviews-0',
        WORKLOAD_NAME: 'reviews',
        SERVICE_ACCOUNT: 'reviews',
        LABELS: { app: 'reviews' },
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE',
        WEFT_DATA_PLANE: 'envoy',
      },
    },
    trustDomain: 'cluster.local',
    discoveryAddress: `${ADDRESS}:${xdsPort}`,
    rootCertFile: join(state, 'ca/root.crt'),
    tokenFile: join(directory, 'token'),
    adminAddress: `${ADDRESS}:${admin}`,
    healthAddress: `${ADDRESS}:${health}`,
    metricsAddress: `${ADDRESS}:${metrics}`,
    stateDir: join(directory, 'agent'),
  };
  const said: string[] = [];
  return {
    directory,
    manifests,
    bootstrap,
    inboundPort,
    said,
    controlPlane: async (certTtlMs = 3_600_000) => {
      const plane = await startControlPlane({
        paths: [manifests],
        stateDir: state,
        address: ADDRESS,
        xdsPort,
        statusPort: 0,
        trustDomain: 'cluster.local',
        certTtlMs,
        clock: systemClock,
        random: seededRandom(1),
        translate: translateTo(inboundPort),
        log: new LineLog(systemClock, () => {}),
        report: (text) => said.push(text),
      });
      t.after(() => plane.close());
      writeFileSync(join(state, 'run/pods.json'), POD);
      return plane;
    },
    token: () => {
      const claims = {
        namespace: 'default',
        pod: 'reviews-0',
        serviceAccount: 'reviews',
        expiresAt: Date.now() + 60_000,
      };
      writeFileSync(bootstrap.tokenFile, mintToken(join(state, 'tokens'), claims), { mode: 0o600 });
    },
    agent: async (signal) => {
      const agent = await startAgent(
        {
          bootstrap,
          envoy,
          envoyLogLevel: 'error',
          clock: systemClock,
          random: seededRandom(2),
          log: new LineLog(systemClock, (line) => said.push(line)),
        },
        signal,
      );
      t.after(() => agent.stop('SIGKILL'));
      return agent;
    },
  };
};

const portOf = (address: string): number => Number(address.split(':')[1]);

/** The serial number that Envoy shows a TLS client, and for whom. */
const servedCertificate = (port: number): Promise<{ serial: string; spiffeId: string | null } | undefined> =>
  new Promise((resolve) => {
    const socket = tls.connect({ host: ADDRESS, port, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      resolve(certificate && { serial: certificate.serialNumber, spiffeId: peerSpiffeId(certificate.raw) });
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });

const syncOf = async (plane: ControlPlane): Promise<SyncStatus | undefined> => {
  const rows = JSON.parse((await page(plane.statusPort, '/debug/syncz')).text) as SyncStatus[];
  return rows.find((row) => row.connected && row.synced);
};

test('Envoy comes up with its certificate and listeners, and follows changes', {
  skip: needs('envoy'),
  timeout: 60_000,
}, async (t) => {
  const s = await scene(t);
  const plane = await s.controlPlane();
  s.token();
  const agent = await s.agent();
  assert.equal(existsSync(s.bootstrap.tokenFile), false);
  assert.equal(statSync(join(s.bootstrap.stateDir, 'agent.sock')).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(join(s.bootstrap.stateDir, 'envoy-bootstrap.json'), 'utf8'), /PRIVATE/);

  await until(async () =>
    (await page(portOf(s.bootstrap.healthAddress), '/healthz/ready')).status === 200 ? true : undefined,
  );
  assert.equal((await servedCertificate(s.inboundPort))?.spiffeId, SPIFFE_ID);
  const row = await until(() => syncOf(plane));
  assert.deepEqual(
    [row.proxy, row.dataPlane, row.protocol, row.principal],
    ['reviews-0.default', 'envoy', 'delta', SPIFFE_ID],
  );
  assert.deepEqual(row.nacks, []);
  assert.match((await page(portOf(s.bootstrap.metricsAddress), '/stats/prometheus')).text, /envoy_server_live/);
  assert.equal((await page(portOf(s.bootstrap.metricsAddress), '/quitquitquit')).status, 404);
  const dump = (await page(portOf(s.bootstrap.adminAddress), '/config_dump')).text;
  assert.match(dump, /outbound\|80\|\|reviews.default.svc.cluster.local/);
  assert.doesNotMatch(dump, /outbound\|80\|\|ratings/);

  writeFileSync(s.manifests, `${service('reviews')}---\n${service('ratings')}`);
  await until(async () =>
    (await page(portOf(s.bootstrap.adminAddress), '/clusters')).text.includes('ratings') ? true : undefined,
  );

  await agent.stop('SIGTERM');
  assert.equal(await agent.exited, 0);
  assert.equal(existsSync(join(s.bootstrap.stateDir, 'agent.sock')), false);
});

test('Envoy gets each renewed certificate, and outlives its control plane', {
  skip: needs('envoy'),
  timeout: 60_000,
}, async (t) => {
  const s = await scene(t);
  const plane = await s.controlPlane(4000);
  s.token();
  await s.agent();
  const first = await until(() => servedCertificate(s.inboundPort));
  const second = await until(async () => {
    const served = await servedCertificate(s.inboundPort);
    return served && served.serial !== first.serial ? served : undefined;
  });
  assert.equal(second.spiffeId, SPIFFE_ID);

  await plane.close();
  assert.ok(await servedCertificate(s.inboundPort));
  const again = await s.controlPlane();
  await until(() => syncOf(again));
});

test('an agent waits for a control plane that is away at start', { timeout: 20_000 }, async (t) => {
  const s = await scene(t, '/nowhere/envoy');
  s.token();
  const starting = s.agent();
  await until(async () => (s.said.some((line) => line.includes('no certificate yet')) ? true : undefined));
  await s.controlPlane();
  await assert.rejects(starting, {
    name: 'WeftError',
    message: /Envoy cannot be started: \/nowhere\/envoy \(ENOENT\)/,
  });
});

test('an agent whose token was refused says so and gives up', { timeout: 20_000 }, async (t) => {
  const s = await scene(t, '/nowhere/envoy');
  await s.controlPlane();
  writeFileSync(s.bootstrap.tokenFile, 'A'.repeat(43));
  await assert.rejects(s.agent(), {
    name: 'WeftError',
    message: /WEFT0302: the bootstrap token is unknown or was used before/,
  });
  rmSync(s.bootstrap.tokenFile);
  await assert.rejects(s.agent(), {
    name: 'WeftError',
    message: /the bootstrap token cannot be read \(ENOENT/,
  });
});
