// A mesh of two workloads (client, server) for measuring: the real control plane, and as data plane either our bundled
// proxy or Envoy with `weft agent`, from the same manifests, at the same addresses, one after the other.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { mintToken } from '@weft/identity/token';
import { proxyPorts } from '@weft/model/proxy-ports';
import { proxyEnvironment, proxyNodeFlags } from '@weft/proxy/process-settings';
import { envoyBinary } from '@weft/testkit/require';
import { certificateFor } from './certificates.ts';
import { family, type Running, start, until } from './process.ts';

const root = join(import.meta.dirname, '../..');
const weftBundle = join(root, 'apps/cli/dist/weft.mjs');
const proxyBundle = join(root, 'apps/cli/dist/weft-proxy.cjs');
/** The proxy and what serves it are on different cores. */
const PROXY_CORE = 0;
const LOAD_CORE = 1;

/** `envoy` has the xDS snapshot that ours has; `envoy-tuned` a static bootstrap of it, as an expert would trim it. */
export const subjects = ['weft', 'envoy', 'envoy-tuned'] as const;
export type Subject = (typeof subjects)[number];

export interface BenchPod {
  readonly name: string;
  /** Label `app`, which Services select; the name unless set. */
  readonly app?: string;
  readonly ip: string;
  /** Where the application listens on 127.0.0.1. */
  readonly appPort: number;
  readonly sidecar: boolean;
}

export interface BenchMesh {
  readonly stateDir: string;
  /** Starts the sidecars of the named pods; returns the proxies' own processes (Envoy's, not its agent's). */
  sidecars(subject: Subject, pods: readonly string[]): Promise<{ pids: number[]; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

const fetchOk = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
};

const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

export const startBenchMesh = async (
  manifests: string[],
  pods: readonly BenchPod[],
  controlPlaneAddress: string,
): Promise<BenchMesh> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  const stateDir = join(dir, 'state');
  mkdirSync(join(stateDir, 'run'), { recursive: true, mode: 0o700 });
  const log = openSync(join(dir, 'log'), 'w', 0o600);
  manifests.forEach((file, i) => cpSync(file, join(dir, 'manifests', `${i}.yaml`)));
  writeFileSync(
    join(stateDir, 'run/pods.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: pods.map(podManifest) }),
    { mode: 0o600 },
  );
  const controlPlane = start(
    LOAD_CORE,
    process.execPath,
    [
      weftBundle,
      'control-plane',
      '-f',
      join(dir, 'manifests'),
      '--state-dir',
      stateDir,
      '--address',
      controlPlaneAddress,
      '--exit-on-stdin-close',
    ],
    { stdin: 'pipe', log },
  );
  const failed = (): never => {
    throw new Error(`the control plane ended; see ${join(dir, 'log')}`);
  };
  await until('control plane ready', () =>
    controlPlane.child.exitCode === null ? fetchOk(`http://${controlPlaneAddress}:15014/ready`) : failed(),
  );

  const bootstrapOf = (pod: BenchPod, subject: 'weft' | 'envoy'): string => {
    const own = join(stateDir, 'run/proxies', pod.name);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const serviceAccount = pod.name;
    const tokenFile = join(own, 'token');
    writeFileSync(
      tokenFile,
      mintToken(join(stateDir, 'tokens'), {
        namespace: 'bench',
        pod: pod.name,
        serviceAccount,
        expiresAt: Date.now() + 60_000,
      }),
      { mode: 0o600 },
    );
    const bootstrap: ProxyBootstrap = {
      node: {
        id: `sidecar~${pod.ip}~${pod.name}.bench~bench.svc.cluster.local`,
        cluster: `${pod.name}.bench`,
        locality: { region: '', zone: '' },
        metadata: {
          NAMESPACE: 'bench',
          NAME: pod.name,
          WORKLOAD_NAME: pod.name,
          SERVICE_ACCOUNT: serviceAccount,
          LABELS: labels(pod),
          CLUSTER_ID: 'Kubernetes',
          INTERCEPTION_MODE: 'NONE',
          WEFT_DATA_PLANE: subject,
        },
      },
      trustDomain: 'cluster.local',
      discoveryAddress: `${controlPlaneAddress}:15012`,
      rootCertFile: join(stateDir, 'ca/root.crt'),
      tokenFile,
      adminAddress: `${pod.ip}:${proxyPorts.admin}`,
      healthAddress: `${pod.ip}:${proxyPorts.health}`,
      metricsAddress: `${pod.ip}:${proxyPorts.metrics}`,
      stateDir: own,
    };
    const file = join(own, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap), { mode: 0o600 });
    return file;
  };

  return {
    stateDir,
    async sidecars(subject, names) {
      const wanted = pods.filter((p) => names.includes(p.name));
      const running = wanted.map((pod): Running => {
        if (subject === 'envoy-tuned') {
          const config = tunedBootstrap(pod, dir, stateDir);
          const args = [
            '-c',
            config,
            '--concurrency',
            '1',
            '-l',
            'error',
            '--use-dynamic-base-id',
            '--disable-hot-restart',
          ];
          return start(PROXY_CORE, envoyBinary() ?? 'envoy', args, { log });
        }
        const file = bootstrapOf(pod, subject);
        const args =
          subject === 'weft'
            ? [
                ...proxyNodeFlags,
                ...(process.env.WEFT_BENCH_FLAGS?.split(' ') ?? []),
                proxyBundle,
                '--bootstrap',
                file,
                '--exit-on-stdin-close',
              ]
            : [weftBundle, 'agent', '--bootstrap', file, '--envoy', envoyBinary() ?? 'envoy', '--exit-on-stdin-close'];
        return start(PROXY_CORE, process.execPath, args, {
          stdin: 'pipe',
          log,
          env: subject === 'weft' ? proxyEnvironment : {},
        });
      });
      for (const pod of wanted) {
        const url =
          subject === 'envoy-tuned'
            ? `http://${pod.ip}:${proxyPorts.admin}/ready`
            : `http://${pod.ip}:${proxyPorts.health}/healthz/ready`;
        await until(`${subject} ready at ${url} (log: ${dir}/log)`, () => fetchOk(url));
      }
      // The agent beside an Envoy is not counted: neither is istio-agent in DESIGN's figures.
      const pids = running.flatMap((r) => (subject === 'weft' ? [r.pid] : family(r.pid).filter(isEnvoy)));
      return { pids, stop: async () => void (await Promise.all(running.map((r) => r.stop()))) };
    },
    async stop() {
      await controlPlane.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

const isEnvoy = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('envoy');

/**
 * What `weft compile --format envoy-bootstrap` makes of the same manifests, without xDS and agent: certificates from
 * files, no statistics, no peer metadata (its Istio metrics it does not have anyway).
 */
const tunedBootstrap = (pod: BenchPod, dir: string, stateDir: string): string => {
  const own = join(dir, `tuned-${pod.name}`);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const { key, cert, ca } = certificateFor(stateDir, pod.name);
  for (const [name, pem] of Object.entries({ 'key.pem': key, 'cert-chain.pem': cert, 'root-cert.pem': ca }))
    writeFileSync(join(own, name), pem, { mode: 0o600 });
  const manifests = ['-f', join(dir, 'manifests'), '-f', join(stateDir, 'run/pods.json')];
  const compiled = spawnSync(
    process.execPath,
    [
      weftBundle,
      'compile',
      ...manifests,
      '--proxy',
      `bench/${pod.name}`,
      '--format',
      'envoy-bootstrap',
      '--certs',
      own,
    ],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (!compiled.stdout.startsWith('{')) throw new Error(`weft compile: ${compiled.stderr}`);
  const bootstrap = JSON.parse(compiled.stdout, withoutPeerMetadata) as Record<string, unknown>;
  bootstrap.admin = { address: { socketAddress: { address: pod.ip, portValue: proxyPorts.admin } } };
  bootstrap.statsConfig = { statsMatcher: { rejectAll: true } };
  writeFileSync(join(own, 'envoy.json'), JSON.stringify(bootstrap));
  return join(own, 'envoy.json');
};

const withoutPeerMetadata = (key: string, value: unknown): unknown =>
  key === 'httpFilters' && Array.isArray(value)
    ? value.filter((filter: { name: string }) => filter.name !== 'envoy.filters.http.header_mutation')
    : value;

const labels = (pod: BenchPod): Record<string, string> => ({ app: pod.app ?? pod.name, version: 'v1' });

const podManifest = (pod: BenchPod): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: pod.name,
    namespace: 'bench',
    labels: labels(pod),
    annotations: {
      'weft.dev/app-ports': JSON.stringify({ 8080: pod.appPort }),
      ...(!pod.sidecar && { 'sidecar.istio.io/inject': 'false' }),
    },
  },
  spec: { serviceAccountName: pod.name, containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] },
  status: { podIP: pod.ip, conditions: [{ type: 'Ready', status: 'True' }] },
});

/** nginx on the load's core: answers 1 KB to everything, for the price of its system calls. */
export const startUpstream = async (address: string, port: number, http2 = false): Promise<Running> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-nginx-'));
  const body = 'x'.repeat(1024);
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((k) => `${k}_temp_path ${dir};`).join(' ');
  writeFileSync(
    join(dir, 'nginx.conf'),
    `worker_processes 1; daemon off; master_process off; pid ${dir}/pid; error_log /dev/null;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; ${temp}
server { listen ${address}:${port} backlog=4096${http2 ? ' http2' : ''}; http2_max_concurrent_streams 1024; location / { return 200 "${body}"; } } }\n`,
  );
  const child = spawn('taskset', ['-c', String(LOAD_CORE), 'nginx', '-c', join(dir, 'nginx.conf')], {
    stdio: 'ignore',
  });
  const running: Running = {
    child,
    pid: child.pid as number,
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
  // With HTTP/2 in plaintext it speaks nothing else.
  await until('nginx', () => (http2 ? connects(address, port) : fetchOk(`http://${address}:${port}/`)));
  return running;
};
