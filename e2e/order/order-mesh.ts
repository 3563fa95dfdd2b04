// A caller with a sidecar and a service in two versions, whose routing is changed while requests go on.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { seededRandom } from '@weft/base/random';
import { startAgent } from '@weft/commands/agent/start-agent';
import { startControlPlane } from '@weft/control-plane/control-plane';
import { mintToken } from '@weft/identity/token';
import { startProxy } from '@weft/proxy/start-proxy';
import { LineLog } from '@weft/telemetry/log';
import { translateParts } from '@weft/translate/translate';

const VERSIONS = ['v1', 'v2'] as const;
export const SERVICE_PORT = 8080;

export interface OrderMesh {
  /** The caller's outbound HTTP proxy. */
  readonly proxy: { readonly host: string; readonly port: number };
  /** What the control plane and the proxy said. */
  readonly said: string[];
  /** Saves the two files in this order, as one change: requests go to `subset`, and the DestinationRule has it. */
  switchTo(subset: string, version: (typeof VERSIONS)[number], order: readonly ('rule' | 'route')[]): void;
}

const service = (targetPort: number): string => `apiVersion: v1
kind: Service
metadata: { name: shop, namespace: default }
spec:
  selector: { app: shop }
  ports: [{ name: http, port: ${SERVICE_PORT}, targetPort: ${targetPort} }]
`;

const rule = (subset: string, version: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: shop, namespace: default }
spec:
  host: shop
  subsets: [{ name: ${subset}, labels: { version: ${version} } }]
`;

// Nothing is tried again: a request that finds nothing behind its route fails.
const route = (subset: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop]
  http:
    - route: [{ destination: { host: shop, subset: ${subset} } }]
      retries: { attempts: 0 }
`;

const pod = (name: string, podIP: string, labels: Record<string, string>, sidecar: boolean): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    labels,
    annotations: { 'weft.dev/workload': name, ...(!sidecar && { 'sidecar.istio.io/inject': 'false' }) },
  },
  spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'x' }] },
  status: { podIP, conditions: [{ type: 'Ready', status: 'True' }] },
});

/** `envoy`: the binary; without it weft's own proxy is the caller's sidecar. */
export const startOrderMesh = async (t: TestContext, envoy?: string): Promise<OrderMesh> => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-order-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const state = join(directory, 'state');
  const manifests = join(directory, 'mesh');
  mkdirSync(join(state, 'run'), { recursive: true });
  mkdirSync(manifests);
  const address = (n: number): string => `127.${envoy ? 79 : 78}.${process.pid % 250}.${n}`;
  let port = 0;
  for (const [i, version] of VERSIONS.entries()) port = await startApp(t, version, address(i + 2), port);
  const items = [
    ...VERSIONS.map((version, i) => pod(`shop-${version}`, address(i + 2), { app: 'shop', version }, false)),
    pod('caller', address(1), { app: 'caller' }, true),
  ];
  writeFileSync(join(state, 'run/pods.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const save = (file: string, text: string): void => {
    writeFileSync(`${manifests}/.${file}`, text);
    renameSync(`${manifests}/.${file}`, join(manifests, file));
  };
  save('shop.yaml', service(port));
  save('rule.yaml', rule('first', 'v1'));
  save('route.yaml', route('first'));
  const said: string[] = [];
  const log = new LineLog(systemClock, (line) => said.push(line));
  const clock = systemClock;
  const plane = await startControlPlane({
    paths: [manifests],
    stateDir: state,
    address: '127.0.0.1',
    xdsPort: 0,
    statusPort: 0,
    trustDomain: 'cluster.local',
    certTtlMs: 3_600_000,
    clock,
    random: seededRandom(1),
    translate: translateParts,
    log,
    report: (text) => said.push(text),
  });
  t.after(() => plane.close());
  const bootstrap = callerBootstrap(directory, state, address(1), plane.xdsPort, envoy !== undefined);
  if (envoy === undefined) {
    const proxy = await startProxy({ bootstrap, clock, random: seededRandom(2), log, drainMs: 100 });
    t.after(() => proxy.close());
  } else {
    const agent = await startAgent({ bootstrap, envoy, envoyLogLevel: 'error', clock, random: seededRandom(2), log });
    t.after(() => agent.stop('SIGKILL'));
  }
  return {
    proxy: { host: address(1), port: 15001 },
    said,
    switchTo: (subset, version, order) => {
      for (const file of order) save(`${file}.yaml`, file === 'rule' ? rule(subset, version) : route(subset));
    },
  };
};

/** An application that answers with its version. */
const startApp = async (t: TestContext, version: string, host: string, port: number): Promise<number> => {
  const server: Server = createServer((_, response) => response.end(version));
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
};

const callerBootstrap = (
  directory: string,
  state: string,
  ip: string,
  xdsPort: number,
  envoy: boolean,
): ProxyBootstrap => {
  const tokenFile = join(directory, 'token');
  const claims = { namespace: 'default', pod: 'caller', serviceAccount: 'caller', expiresAt: Date.now() + 60_000 };
  writeFileSync(tokenFile, mintToken(join(state, 'tokens'), claims), { mode: 0o600 });
  mkdirSync(join(directory, 'proxy'), { mode: 0o700 });
  return {
    node: {
      id: `sidecar~${ip}~caller.default~default.svc.cluster.local`,
      cluster: 'caller.default',
      locality: { region: 'r', zone: 'z' },
      metadata: {
        NAMESPACE: 'default',
        NAME: 'caller',
        WORKLOAD_NAME: 'caller',
        SERVICE_ACCOUNT: 'caller',
        LABELS: { app: 'caller' },
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE',
        WEFT_DATA_PLANE: envoy ? 'envoy' : 'weft',
      },
    },
    trustDomain: 'cluster.local',
    discoveryAddress: `127.0.0.1:${xdsPort}`,
    rootCertFile: join(state, 'ca/root.crt'),
    tokenFile,
    adminAddress: `${ip}:15000`,
    healthAddress: `${ip}:15021`,
    metricsAddress: `${ip}:15090`,
    stateDir: join(directory, 'proxy'),
    terminationDrainMs: 0,
  };
};
