import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDiagnostic } from '@weft/base/diagnostic';
import { loadMesh } from '@weft/model/load';
import type { Mesh } from '@weft/model/mesh';
import { tcpListenerPorts } from '@weft/model/proxy-ports';
import { appEnvironment } from './app-environment.ts';
import { proxyBootstrap } from './bootstrap-file.ts';
import { expand } from './expand.ts';
import { podsFile } from './pods-file.ts';
import { type ContainerPlan, type DataPlane, type Plan, planReplicas, type ReplicaPlan } from './replica-plan.ts';
import { resolveCommand } from './resolve-command.ts';

const workload = (name: string, container: string, more = '', annotations = '{}'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  ${more}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, version: v1 }, annotations: ${annotations} }
    spec:
      serviceAccountName: ${name}
      containers: [${container}]
`;

const load = (yaml: string, dataPlanes: [string, DataPlane][] = []): { mesh: Mesh; plan: Plan } => {
  const { mesh, index } = loadMesh([{ path: 'manifests/app.yaml', text: yaml }]);
  const plan = planReplicas({
    mesh,
    positionOf: (ref, path) => index.positionOf(ref, path ?? []),
    dataPlanes: new Map(dataPlanes),
    isDirectory: (path) => path === '/srv',
  });
  return { mesh, plan };
};
const get = (plan: Plan, key: string): ReplicaPlan => {
  const found = plan.replicas.get(key);
  assert.ok(found, `no ${key} in ${[...plan.replicas.keys()].join(', ')}`);
  return found;
};

describe('the plan', () => {
  it('has a replica for each of a Deployment and one for a Pod', () => {
    const pod = `
apiVersion: v1
kind: Pod
metadata: { name: job, namespace: shop }
spec: { containers: [{ name: c, command: [run] }] }
`;
    const { plan } = load(`${workload('web', '{ name: c, command: [run], args: [x] }', 'replicas: 3')}---${pod}`);
    assert.deepEqual([...plan.replicas.keys()], ['shop/job', 'shop/web-0', 'shop/web-1', 'shop/web-2']);
    assert.deepEqual(get(plan, 'shop/web-0').containers[0]?.command, ['run', 'x']);
  });

  it('leaves out a workload that says no command, with the place and what to do', () => {
    const { plan } = load(
      `${workload('db', '{ name: c, image: postgres }')}---${workload('web', '{ name: c, command: [run] }')}`,
    );
    assert.deepEqual([...plan.replicas.keys()], ['shop/web-0']);
    assert.equal(
      plan.diagnostics.map(formatDiagnostic).join('\n'),
      'manifests/app.yaml:12:20: warning WEFT0207 (Deployment shop/db): no container says a command, and images such as postgres are not run here: the workload is left out; set command, or the annotation weft.dev/command on the pod template',
    );
  });

  it('takes the command of the annotation', () => {
    const { plan } = load(workload('web', '{ name: c, image: i }', '', `{ weft.dev/command: "node 'my app.js'" }`));
    assert.deepEqual(get(plan, 'shop/web-0').containers[0]?.command, ['node', 'my app.js']);
  });

  it('runs beside the manifest, unless the working directory exists here too', () => {
    const cwd = (dir: string): string | undefined =>
      get(load(workload('web', `{ name: c, command: [run], workingDir: ${dir} }`)).plan, 'shop/web-0').containers[0]
        ?.cwd;
    assert.equal(cwd('/srv'), '/srv');
    assert.equal(cwd('/app'), `${process.cwd()}/manifests`);
    assert.equal(cwd('sub'), `${process.cwd()}/manifests/sub`);
  });

  it('changes a replica’s fingerprint with what it runs, and not with where it stands', () => {
    const print = (yaml: string): string => get(load(yaml).plan, 'shop/web-0').fingerprint;
    const yaml = workload('web', '{ name: c, command: [run] }');
    assert.equal(print(yaml), print(`# a comment\n\n${yaml}`));
    assert.equal(print(yaml), print(yaml.replace('selector', 'replicas: 4\n  selector')));
    assert.notEqual(print(yaml), print(yaml.replace('[run]', '[walk]')));
    assert.notEqual(print(yaml), print(yaml.replace('version: v1', 'version: v2')));
  });

  it('knows the data plane of each workload, and says when there is no such workload', () => {
    const yaml = `${workload('web', '{ name: c, command: [run] }')}---${workload('old', '{ name: c, command: [run] }', '', '{ sidecar.istio.io/inject: "false" }')}`;
    const { plan } = load(yaml, [
      ['shop/web', 'envoy'],
      ['shop/wbe', 'envoy'],
    ]);
    assert.equal(get(plan, 'shop/web-0').dataPlane, 'envoy');
    assert.equal(get(plan, 'shop/old-0').dataPlane, 'none');
    assert.match(plan.diagnostics.map(formatDiagnostic).join(), /error WEFT0206: no workload shop\/wbe/);
  });

  it('calls a container that has a port and no probe ready when it listens', () => {
    const { plan } = load(workload('web', '{ name: c, command: [run], ports: [{ containerPort: 8080 }] }'));
    assert.deepEqual(get(plan, 'shop/web-0').containers[0]?.probes.readiness?.action, { kind: 'tcp', port: 8080 });
  });
});

describe('the environment of an application', () => {
  const services = `
apiVersion: v1
kind: Service
metadata: { name: web-api, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { selector: { app: db }, ports: [{ name: tcp-main, port: 5432 }, { name: http-admin, port: 9000 }] }
---
apiVersion: v1
kind: Service
metadata: { name: db, namespace: elsewhere }
spec: { selector: { app: db }, ports: [{ name: tcp, port: 1 }] }
---
apiVersion: v1
kind: Service
metadata: { name: far, namespace: elsewhere }
spec: { selector: { app: far }, ports: [{ name: tcp, port: 7 }] }
---`;
  const container = `{ name: c, command: [run], ports: [{ name: http, containerPort: 8080 }, { name: admin-2, containerPort: 9090 }], env: [{ name: WHERE, value: "$(POD_IP):$(PORT)" }, { name: HOST, value: all }, { name: L, valueFrom: { fieldRef: { fieldPath: "metadata.labels['version']" } } }] }`;
  const environment = (annotations = '{}'): { env: Record<string, string>; mesh: Mesh } => {
    const { mesh, plan } = load(`${services}${workload('web', container, '', annotations)}`);
    const replica = get(plan, 'shop/web-0');
    const env = appEnvironment({
      replica,
      container: replica.containers[0] as ContainerPlan,
      mesh,
      address: '127.1.2.10',
      appPorts: { 8080: 20_000, 9090: 20_001 },
      inherited: {
        PATH: '/usr/bin',
        npm_config_x: 'y',
        NODE_OPTIONS: '--x',
        WEFT_LIFELINE_FD: '3',
        https_proxy: 'corp',
        LANG: 'C',
      },
      nodeDirectory: '/pinned',
    });
    return { env, mesh };
  };

  it('has its own ports, the way out, and the pinned Node first', () => {
    const { env } = environment();
    assert.equal(env.PORT, '20000');
    assert.equal(env.PORT_HTTP, '20000');
    assert.equal(env.PORT_ADMIN_2, '20001');
    assert.equal(env.http_proxy, 'http://127.1.2.10:15001');
    assert.equal(env.NO_PROXY, 'localhost,127.0.0.1');
    assert.equal(env.PATH, '/pinned:/usr/bin');
    assert.equal(env.WEFT_READY_URL, 'http://127.1.2.10:15021/healthz/ready');
    assert.equal(env.LANG, 'C');
    for (const name of ['npm_config_x', 'NODE_OPTIONS', 'WEFT_LIFELINE_FD', 'https_proxy'])
      assert.equal(env[name], undefined);
  });

  it('knows services as Kubernetes says them: HTTP by name, TCP at the sidecar’s listener, its own namespace first', () => {
    const { env, mesh } = environment();
    assert.equal(env.WEB_API_SERVICE_HOST, 'web-api.shop.svc.cluster.local');
    assert.equal(env.WEB_API_SERVICE_PORT, '80');
    const listen = tcpListenerPorts(mesh).get('db.shop.svc.cluster.local:5432')?.listen;
    assert.equal(env.DB_SERVICE_HOST, '127.1.2.10');
    assert.equal(env.DB_SERVICE_PORT, String(listen));
    assert.equal(env.DB_SERVICE_PORT_HTTP_ADMIN, '9000');
    assert.equal(env.FAR_SERVICE_HOST, '127.1.2.10');
  });

  it('gives the container’s own variables the last word, with references and the pod’s fields', () => {
    const { env } = environment();
    assert.equal(env.WHERE, '127.1.2.10:20000');
    assert.equal(env.HOST, 'all');
    assert.equal(env.L, 'v1');
  });

  it('is that of a plain program where the pod has no sidecar', () => {
    const { env } = environment('{ sidecar.istio.io/inject: "false" }');
    assert.equal(env.PORT, '8080');
    assert.equal(env.HTTP_PROXY, undefined);
    assert.equal(env.DB_SERVICE_HOST, 'db.shop.svc.cluster.local');
  });
});

describe('references in values', () => {
  it('are replaced as Kubernetes does', () => {
    const variables = { A: '1', B: '2' };
    assert.equal(expand('$(A)-$(B)-$(C)', variables), '1-2-$(C)');
    assert.equal(expand('$$(A) $A $$', variables), '$(A) $A $');
    assert.equal(expand('$(constructor)', variables), '$(constructor)');
  });
});

describe('finding a program', () => {
  it('goes through PATH, and takes a path as it is', () => {
    const there = new Set(['/b/tool', '/work/run.sh', '/abs']);
    const find = (name: string): string | undefined =>
      resolveCommand(name, '/work', '/a:/b', (file) => there.has(file));
    assert.equal(find('tool'), '/b/tool');
    assert.equal(find('./run.sh'), '/work/run.sh');
    assert.equal(find('/abs'), '/abs');
    assert.equal(find('run.sh'), undefined);
  });
});

describe('what the control plane and the sidecar are told', () => {
  it('is read back by the model as it was meant', () => {
    const { plan } = load(
      workload('web', '{ name: c, command: [run], ports: [{ name: http, containerPort: 8080 }] }', 'replicas: 2'),
    );
    const running = { address: '127.1.2.10', appPorts: { 8080: 20_000 }, ready: true, terminatingSince: null };
    const text = podsFile([
      { plan: get(plan, 'shop/web-0'), ...running },
      { plan: get(plan, 'shop/web-1'), ...running, terminatingSince: 1000 },
    ]);
    const { mesh, diagnostics } = loadMesh([{ path: 'pods.json', text }]);
    assert.deepEqual(diagnostics, []);
    const first = mesh.pods.get('shop/web-0');
    assert.deepEqual(
      [first?.workload, first?.ip, first?.ready, first?.serviceAccount],
      ['web', '127.1.2.10', true, 'web'],
    );
    assert.deepEqual(first?.appPorts, { 8080: 20_000 });
    assert.deepEqual(first?.ports, [{ name: 'http', port: 8080 }]);
    const second = mesh.pods.get('shop/web-1');
    assert.deepEqual([second?.terminating, second?.ready], [true, false]);
  });

  it('names the node as Istio does', () => {
    const { plan } = load(workload('web', '{ name: c, command: [run] }'));
    const bootstrap = proxyBootstrap({
      plan: get(plan, 'shop/web-0'),
      address: '127.1.2.10',
      controlPlaneAddress: '127.1.2.1',
      trustDomain: 'cluster.local',
      rootCertFile: '/ca/root.crt',
      tokenFile: '/token',
      stateDir: '/proxy',
    });
    assert.equal(bootstrap.node.id, 'sidecar~127.1.2.10~web-0.shop~shop.svc.cluster.local');
    assert.equal(bootstrap.discoveryAddress, '127.1.2.1:15012');
    assert.equal(bootstrap.node.metadata.WORKLOAD_NAME, 'web');
  });
});
