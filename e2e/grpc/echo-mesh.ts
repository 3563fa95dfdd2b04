import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '@weft/base/clock';
import { seededRandom } from '@weft/base/random';
import { startGrpcAgent } from '@weft/commands/agent/start-grpc-agent';
import { type ControlPlane, startControlPlane } from '@weft/control-plane/control-plane';
import { mintToken } from '@weft/identity/token';
import { LineLog } from '@weft/telemetry/log';
import { translateParts } from '@weft/translate/translate';
import { startEcho } from './echo-servers.ts';

const VERSIONS = ['v1', 'v2'] as const;

/** A mesh of a gRPC service in two versions without sidecars, with a control plane and an agent for a proxyless client. */
export interface EchoMesh {
  readonly directory: string;
  readonly controlPlane: ControlPlane;
  /** For `GRPC_XDS_BOOTSTRAP`. */
  readonly bootstrapPath: string;
  readonly said: string[];
  /** Saves a VirtualService by which v1 and v2 get these weights. */
  route(v1: number, v2: number): void;
  save(file: string, text: string): void;
}

export const PORT = 7070;

const mesh = (targetPort: number, mutualTls: boolean): string => `apiVersion: v1
kind: Service
metadata: { name: echo, namespace: default }
spec:
  selector: { app: echo }
  ports: [{ name: grpc, port: ${PORT}, targetPort: ${targetPort} }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: default }
spec:
  host: echo
  trafficPolicy: { tls: { mode: ${mutualTls ? 'ISTIO_MUTUAL' : 'DISABLE'} } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;

const split = (v1: number, v2: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: default }
spec:
  hosts: [echo]
  http:
    - route:
        - { destination: { host: echo, subset: v1 }, weight: ${v1} }
        - { destination: { host: echo, subset: v2 }, weight: ${v2} }
`;

const pod = (name: string, labels: Record<string, string>, podIP: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    labels,
    annotations: { 'weft.dev/workload': name, 'sidecar.istio.io/inject': 'false' },
  },
  spec: { serviceAccountName: name, containers: [{ name: 'app', image: 'x' }] },
  status: { podIP, conditions: [{ type: 'Ready', status: 'True' }] },
});

/** `mutualTls`: the servers take callers with a certificate of the mesh only, and a DestinationRule says so. */
export const startEchoMesh = async (t: TestContext, { mutualTls = false } = {}): Promise<EchoMesh> => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-grpc-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const state = join(directory, 'state');
  const manifests = join(directory, 'mesh');
  mkdirSync(join(state, 'run'), { recursive: true });
  mkdirSync(manifests);
  const save = (file: string, text: string): void => {
    writeFileSync(`${manifests}/.${file}`, text);
    renameSync(`${manifests}/.${file}`, join(manifests, file));
  };
  const addresses = VERSIONS.map((_, i) => `127.77.${process.pid % 250}.${i + 1}`);
  const items = [
    ...VERSIONS.map((version, i) => pod(`echo-${version}`, { app: 'echo', version }, addresses[i] as string)),
    pod('caller', { app: 'caller' }, '127.77.0.9'),
  ];
  writeFileSync(join(state, 'run/pods.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

  const said: string[] = [];
  const log = new LineLog(systemClock, (line) => said.push(line));
  const controlPlane = await startControlPlane({
    paths: [manifests],
    stateDir: state,
    address: '127.0.0.1',
    xdsPort: 0,
    statusPort: 0,
    trustDomain: 'cluster.local',
    certTtlMs: 3_600_000,
    clock: systemClock,
    random: seededRandom(1),
    translate: translateParts,
    log,
    report: (text) => said.push(text),
  });
  t.after(() => controlPlane.close());
  const agentOf = async (workload: string): Promise<string> => {
    const bootstrapPath = join(directory, `${workload}.json`);
    const agent = await startGrpcAgent({
      bootstrap: bootstrapOf(workload, directory, state, controlPlane.xdsPort),
      bootstrapPath,
      clock: systemClock,
      random: seededRandom(2),
      log,
    });
    t.after(() => agent.close());
    return bootstrapPath;
  };

  let port = 0;
  for (const [i, version] of VERSIONS.entries()) {
    if (mutualTls) await agentOf(`echo-${version}`);
    const credentials = mutualTls ? serverCredentials(join(directory, `echo-${version}`)) : undefined;
    const echo = await startEcho(version, addresses[i] as string, port, credentials);
    port = echo.port;
    t.after(() => echo.server.forceShutdown());
  }
  save('echo.yaml', mesh(port, mutualTls));
  save('route.yaml', split(100, 0));
  const bootstrapPath = await agentOf('caller');
  return { directory, controlPlane, bootstrapPath, said, save, route: (v1, v2) => save('route.yaml', split(v1, v2)) };
};

/** From the files that an agent writes. */
const serverCredentials = (stateDir: string): ServerCredentials => {
  const read = (name: string): Buffer => readFileSync(join(stateDir, name));
  const pair = { private_key: read('key.pem'), cert_chain: read('cert-chain.pem') };
  return ServerCredentials.createSsl(read('root-cert.pem'), [pair], true);
};

const bootstrapOf = (workload: string, directory: string, state: string, xdsPort: number) => {
  const tokenFile = join(directory, `${workload}.token`);
  const claims = { namespace: 'default', pod: workload, serviceAccount: workload, expiresAt: Date.now() + 60_000 };
  writeFileSync(tokenFile, mintToken(join(state, 'tokens'), claims), { mode: 0o600 });
  return {
    node: {
      id: `sidecar~127.77.0.9~${workload}.default~default.svc.cluster.local`,
      cluster: `${workload}.default`,
      locality: { region: 'r', zone: 'z' },
      metadata: {
        NAMESPACE: 'default',
        NAME: workload,
        WORKLOAD_NAME: workload,
        SERVICE_ACCOUNT: workload,
        LABELS: {},
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE' as const,
        WEFT_DATA_PLANE: 'envoy' as const,
      },
    },
    trustDomain: 'cluster.local',
    discoveryAddress: `127.0.0.1:${xdsPort}`,
    rootCertFile: join(state, 'ca/root.crt'),
    tokenFile,
    adminAddress: '127.0.0.1:1',
    healthAddress: '127.0.0.1:1',
    metricsAddress: '127.0.0.1:1',
    stateDir: join(directory, workload),
  };
};
