import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { loadMesh } from '@weft/model/load';
import { planReplicas } from '../plan/replica-plan.ts';
import { FakeSpawner } from '../testing/fake-spawner.ts';
import type { Addresses } from './addresses.ts';
import { StateDir } from './state-dir.ts';
import { Supervisor } from './supervisor.ts';

const deployment = (name: string, replicas: number, command = 'ls'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      serviceAccountName: ${name}
      containers:
        - name: main
          command: [${command}]
          args: [serve, "--port=$(PORT)"]
          ports: [{ name: http, containerPort: 8080 }]
`;

const fakeAddresses = (): Addresses => {
  let host = 10;
  let port = 20_000;
  return {
    name: '127.9.9.0/24',
    controlPlane: '127.9.9.1',
    allocate: () => `127.9.9.${host++}`,
    release: () => {},
    appPort: async () => port++,
    releaseAppPort: () => {},
    close: () => {},
  };
};

const plan = (yaml: string) => {
  const { mesh, index } = loadMesh([{ path: '/manifests/app.yaml', text: yaml }]);
  const planned = planReplicas({
    mesh,
    positionOf: (ref, path) => index.positionOf(ref, path ?? []),
    dataPlanes: new Map(),
    isDirectory: () => true,
  });
  return { mesh, replicas: planned.replicas };
};

describe('the supervisor', () => {
  let dir = '';
  let clock: FakeClock;
  let spawner: FakeSpawner;
  /** Names of processes whose probes succeed, by `host:port`. */
  let healthy: Set<string>;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-supervisor-'));
    clock = new FakeClock();
    spawner = new FakeSpawner();
    healthy = new Set();
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Names of the replicas when it last said that something changed. */
  let told: string[] = [];
  /** How many there were each time it said that all is ready. */
  let readyWith: number[] = [];
  const supervisor = (mesh: ReturnType<typeof plan>['mesh']): Supervisor => {
    const s: Supervisor = new Supervisor(mesh, {
      clock,
      random: () => 0.5,
      spawner,
      programs: {
        controlPlane: ({ address }) => ({ file: '/bin/weft', args: ['control-plane', address] }),
        sidecar: ({ bootstrapFile }) => ({ file: '/bin/weft', args: ['proxy', '--bootstrap', bootstrapFile] }),
        rootCertFile: '/roots.pem',
        trustDomain: 'cluster.local',
      },
      stateDir: StateDir.open(dir),
      inheritedEnv: { PATH: '/usr/bin', HTTP_PROXY: 'http://corporate' },
      nodeDirectory: '/pinned',
      checkFor: (target) => async (probe) => {
        const port = 'port' in probe.action ? target.port(probe.action.port) : 0;
        return healthy.has(`${target.host}:${port}`) ? '' : 'refused';
      },
      addresses: fakeAddresses(),
      onLine: () => {},
      onChange: () => {
        told = s.replicas.map((r) => r.plan.pod);
        if (s.ready) readyWith.push(told.length);
      },
    });
    return s;
  };
  const pods = (): { name: string; ready: string; ip: string; ends: boolean }[] =>
    (
      JSON.parse(readFileSync(join(dir, 'run/pods.json'), 'utf8')) as {
        items: {
          metadata: { name: string; deletionTimestamp?: string };
          status: { podIP: string; conditions: { status: string }[] };
        }[];
      }
    ).items.map((p) => ({
      name: p.metadata.name,
      ready: p.status.conditions[0]?.status ?? '',
      ip: p.status.podIP,
      ends: p.metadata.deletionTimestamp !== undefined,
    }));

  it('starts sidecars only when the control plane answers, and calls a pod ready when all of it is', async () => {
    const { mesh, replicas } = plan(deployment('web', 1));
    const s = supervisor(mesh);
    await s.start(replicas);
    await clock.advance(1000);
    assert.deepEqual(spawner.running, ['control-plane', 'web-0']);
    healthy.add('127.9.9.1:15012');
    await clock.advance(1000);
    assert.deepEqual(spawner.running, ['control-plane', 'web-0', 'web-0/proxy']);
    healthy.add('127.0.0.1:20000');
    await clock.advance(1000);
    assert.equal(s.ready, false);
    assert.deepEqual(pods(), [{ name: 'web-0', ready: 'False', ip: '127.9.9.10', ends: false }]);
    healthy.add('127.9.9.10:15021');
    await clock.advance(1000);
    assert.equal(s.ready, true);
    assert.deepEqual(pods(), [{ name: 'web-0', ready: 'True', ip: '127.9.9.10', ends: false }]);
    await s.stop();
    assert.deepEqual(spawner.running, []);
  });

  it('gives the application its port, its way out and its name, and none of our own proxies', async () => {
    const { mesh, replicas } = plan(deployment('web', 1));
    const s = supervisor(mesh);
    await s.start(replicas);
    const { spec } = spawner.find('web-0');
    assert.deepEqual(spec.args, ['serve', '--port=20000']);
    assert.equal(spec.env.PORT, '20000');
    assert.equal(spec.env.PORT_HTTP, '20000');
    assert.equal(spec.env.HTTP_PROXY, 'http://127.9.9.10:15001');
    assert.equal(spec.env.POD_NAME, 'web-0');
    assert.equal(spec.env.PATH, '/pinned:/usr/bin');
    assert.equal(spec.lifeline, 'group');
    assert.equal(spawner.find('control-plane').spec.env.HTTP_PROXY, undefined);
    await s.stop();
  });

  it('restarts what crashes, with a new token for a sidecar, and shows the pod as not ready meanwhile', async () => {
    const { mesh, replicas } = plan(deployment('web', 1));
    const s = supervisor(mesh);
    for (const at of ['127.9.9.1:15012', '127.0.0.1:20000', '127.9.9.10:15021']) healthy.add(at);
    await s.start(replicas);
    await clock.advance(2000);
    assert.equal(s.ready, true);
    const tokenFile = join(dir, 'run/bootstrap/shop_web-0.token');
    const token = readFileSync(tokenFile, 'utf8');
    assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
    spawner.find('web-0/proxy').exit({ kind: 'signal', signal: 'SIGSEGV' });
    await clock.advance(100);
    assert.equal(pods()[0]?.ready, 'False');
    await clock.advance(1000);
    assert.equal(s.ready, true);
    assert.notEqual(readFileSync(tokenFile, 'utf8'), token);
    await s.stop();
  });

  it('ends an application before its sidecar, and kills what does not end in time', async () => {
    const { mesh, replicas } = plan(deployment('web', 1));
    const s = supervisor(mesh);
    healthy.add('127.9.9.1:15012');
    await s.start(replicas);
    await clock.advance(1000);
    spawner.find('web-0').obedient = false;
    const stopped = s.stop();
    await clock.advance(29_000);
    assert.deepEqual(spawner.find('web-0').signals, ['SIGTERM']);
    assert.deepEqual(spawner.find('web-0/proxy').signals, []);
    await clock.advance(2_000);
    await stopped;
    assert.deepEqual(spawner.find('web-0').signals, ['SIGTERM', 'SIGKILL']);
    assert.deepEqual(spawner.find('web-0/proxy').signals, ['SIGTERM']);
    assert.deepEqual(spawner.running, []);
    assert.equal(clock.pending, 0, 'no timer is left behind');
  });

  it('kills at once when told a second time', async () => {
    const { mesh, replicas } = plan(deployment('web', 1));
    const s = supervisor(mesh);
    await s.start(replicas);
    await clock.advance(100);
    spawner.find('web-0').obedient = false;
    const stopped = s.stop();
    await settle();
    await Promise.all([stopped, s.stop(true)]);
    assert.deepEqual(spawner.running, []);
  });

  it('follows the manifests: scales, replaces what changed, leaves the rest alone', async () => {
    const first = plan(deployment('web', 1) + '---' + deployment('api', 2));
    const s = supervisor(first.mesh);
    healthy.add('127.9.9.1:15012');
    await s.start(first.replicas);
    await clock.advance(1000);
    const api0 = spawner.find('api-0');
    const api1 = spawner.find('api-1');
    const web0 = spawner.find('web-0');
    const second = plan(deployment('web', 2, 'sh') + '---' + deployment('api', 1));
    readyWith = [];
    const updated = s.update(second.mesh, second.replicas);
    await clock.advance(200);
    assert.deepEqual(
      pods()
        .filter((p) => p.ends)
        .map((p) => p.name),
      ['api-1'],
      'out of the endpoints before it is told to end',
    );
    assert.equal(api1.alive, true);
    await clock.advance(3000);
    await updated;
    assert.equal(api0.alive, true);
    assert.equal(api1.alive, false);
    assert.equal(web0.alive, false);
    assert.deepEqual(
      pods().map((p) => p.name),
      ['api-0', 'web-0', 'web-1'],
    );
    assert.deepEqual(told, ['api-0', 'web-0', 'web-1']);
    assert.ok(
      readyWith.every((n) => n === 3),
      `called ready with ${readyWith.join()} of 3`,
    );
    assert.notEqual(spawner.find('web-0'), web0);
    await s.stop();
  });
});
