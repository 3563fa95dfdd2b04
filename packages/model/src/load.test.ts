import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LoadResult, loadMesh } from './load.ts';
import { recallLastGood, storedObject } from './last-good.ts';

const file = (path: string, text: string): { path: string; text: string } => ({ path, text });

const codes = (result: LoadResult): string[] =>
  result.diagnostics.map((d) => `${d.line}:${d.column} ${d.level} ${d.code} ${d.name}`);

/** What of a mesh is kept on disk. */
const onDisk = ({ lastGood }: LoadResult): string => JSON.stringify([...lastGood.objects.values()].map(storedObject));

const bookshop = `
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec:
  selector: {app: catalog}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: catalog-v1}
spec:
  replicas: 2
  selector: {matchLabels: {app: catalog}}
  template:
    metadata:
      labels: {app: catalog, version: v1}
      annotations: {weft.dev/command: "node 'my app.js' --fast"}
    spec:
      serviceAccountName: catalog
      containers:
      - name: app
        image: catalog
        ports: [{containerPort: 8080}]
        env: [{name: COLOR, value: red}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
`;

const route = (weight: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog}
spec:
  hosts: [catalog]
  http: [{route: [{destination: {host: catalog}, weight: ${weight}}]}]
`;

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: catalog}
spec:
  selector: {matchLabels: {app: catalog}}
  mtls: {mode: STRICT}
`;

describe('loading manifests', () => {
  test('services, workloads and rules become a mesh', () => {
    const { mesh, diagnostics } = loadMesh([
      file('a.yaml', bookshop),
      file('b.yaml', route(1)),
      file('c.yaml', strict),
    ]);
    assert.deepEqual(diagnostics, []);
    const service = mesh.services.get('catalog.default.svc.cluster.local');
    assert.deepEqual(service?.ports, [{ name: 'http', port: 80, targetPort: 8080, protocol: 'http' }]);
    const workload = mesh.workloads.get('default/catalog-v1');
    assert.equal(workload?.replicas, 2);
    assert.equal(workload.serviceAccount, 'catalog');
    assert.deepEqual(workload.labels, { app: 'catalog', version: 'v1' });
    assert.deepEqual(workload.containers[0]?.command, ['node', 'my app.js', '--fast']);
    assert.deepEqual(workload.containers[0]?.env, [{ name: 'COLOR', value: 'red' }]);
    assert.deepEqual(workload.containers[0]?.readinessProbe?.action, {
      kind: 'http',
      path: '/ready',
      port: 8080,
      headers: [],
    });
    assert.deepEqual([...mesh.namespaces.keys()], ['default']);
    assert.equal(mesh.virtualServices[0]?.spec.http?.[0]?.route?.[0]?.weight, 1);
    assert.equal(mesh.peerAuthentications[0]?.spec.mtls?.mode, 'STRICT');
  });

  test('a List, a document after a comment and a JSON file are read alike', () => {
    const service = (name: string): object => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { ports: [{ port: 80 }] },
    });
    const { mesh, diagnostics } = loadMesh([
      file('list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service('a'), service('b')] })),
      file('comments.yaml', `# nothing\n---\n# nothing either\n---\n${JSON.stringify(service('c'))}\n`),
    ]);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(
      [...mesh.services.values()].map((s) => s.name),
      ['a', 'b', 'c'],
    );
  });

  test('positions point at the field, in the List’s item too', () => {
    const text = `apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: catalog}
  spec:
    hosts: [catalog.example.com]
    http:
    - name: first
      route:
      - destination: {host: catalog}
`;
    const { index } = loadMesh([file('a.yaml', `${bookshop}---\n${text}`)]);
    const of = { kind: 'VirtualService', namespace: 'default', name: 'catalog' };
    const start = bookshop.split('\n').length; // the line of ---
    assert.deepEqual(index.positionOf(of), { file: 'a.yaml', line: start + 4, column: 3 });
    assert.deepEqual(index.positionOf(of, ['spec', 'http', 0]), { file: 'a.yaml', line: start + 10, column: 7 });
    assert.equal(index.positionOf({ ...of, name: 'other' }), undefined);
  });

  test('pods that weft up wrote are instances of their workload and no workloads themselves', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'catalog-v1-0',
        labels: {
          app: 'catalog',
          version: 'v1',
          'topology.kubernetes.io/region': 'eu',
          'topology.kubernetes.io/zone': 'a',
        },
        annotations: { 'weft.dev/workload': 'catalog-v1', 'weft.dev/app-ports': '{"8080":40001}' },
      },
      spec: {
        serviceAccountName: 'catalog',
        containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }] }],
      },
      status: { podIP: '127.1.2.3', conditions: [{ type: 'Ready', status: 'True' }] },
    };
    const { mesh, diagnostics } = loadMesh([
      file('a.yaml', bookshop),
      file('pods.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pod] })),
    ]);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual([...mesh.workloads.keys()], ['default/catalog-v1']);
    assert.deepEqual(mesh.pods.get('default/catalog-v1-0'), {
      namespace: 'default',
      name: 'catalog-v1-0',
      workload: 'catalog-v1',
      labels: pod.metadata.labels,
      annotations: pod.metadata.annotations,
      serviceAccount: 'catalog',
      ip: '127.1.2.3',
      ready: true,
      terminating: false,
      ports: [{ name: 'http', port: 8080 }],
      appPorts: { 8080: 40001 },
      locality: { region: 'eu', zone: 'a' },
    });
  });

  test('a bare Pod is a workload; an instance of the same name beside it is no duplicate', () => {
    const pod = (annotations: object): object => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'client', annotations },
      spec: { containers: [{ name: 'app', command: ['sleep'] }] },
    });
    const { mesh, diagnostics } = loadMesh([
      file('a.json', JSON.stringify(pod({}))),
      file('b.json', JSON.stringify(pod({ 'weft.dev/workload': 'client' }))),
    ]);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual([...mesh.workloads.keys()], ['default/client']);
    assert.deepEqual([...mesh.pods.keys()], ['default/client']);
  });

  test('a pod of a ReplicaSet belongs to its Deployment', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'catalog-v1-6d4cf56db6-x2x7k',
        deletionTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'pod-template-hash': '6d4cf56db6' },
        ownerReferences: [{ kind: 'ReplicaSet', name: 'catalog-v1-6d4cf56db6', controller: true }],
      },
      spec: { containers: [{ name: 'app' }] },
      status: { podIP: '10.0.0.1' },
    };
    const { mesh } = loadMesh([file('a.json', JSON.stringify(pod))]);
    const [read] = mesh.pods.values();
    assert.deepEqual([read?.workload, read?.ready, read?.terminating], ['catalog-v1', false, true]);
    assert.equal(mesh.workloads.size, 0);
  });

  test('rules apply in the order of creation, then of namespace and name', () => {
    const rule = (name: string, created?: string): string =>
      JSON.stringify({
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name, ...(created && { creationTimestamp: created }) },
        spec: { host: name },
      });
    const { mesh } = loadMesh([
      file(
        '1.yaml',
        [rule('late', '2026-02-01T00:00:00Z'), rule('z'), rule('early', '2026-01-01T00:00:00Z'), rule('a')].join(
          '\n---\n',
        ),
      ),
    ]);
    assert.deepEqual(
      mesh.destinationRules.map((r) => r.name),
      ['a', 'z', 'early', 'late'],
    );
  });
});

describe('loading again', () => {
  const before = loadMesh([file('a.yaml', bookshop), file('b.yaml', route(1))]);

  test('what did not change is the same object, though comments moved it', () => {
    const after = loadMesh([file('a.yaml', `# a comment\n${bookshop}`), file('b.yaml', route(2))], before);
    const host = 'catalog.default.svc.cluster.local';
    assert.equal(after.mesh.services.get(host), before.mesh.services.get(host));
    assert.equal(after.mesh.workloads.get('default/catalog-v1'), before.mesh.workloads.get('default/catalog-v1'));
    assert.equal(after.mesh.namespaces.get('default'), before.mesh.namespaces.get('default'));
    assert.notEqual(after.mesh.virtualServices[0], before.mesh.virtualServices[0]);
    assert.deepEqual(after.index.positionOf({ kind: 'Service', namespace: 'default', name: 'catalog' }), {
      file: 'a.yaml',
      line: 3,
      column: 1,
    });
  });

  test('an object moved to another file is the same object', () => {
    const after = loadMesh([file('a.yaml', bookshop), file('z.yaml', route(1))], before);
    assert.equal(after.mesh.virtualServices[0], before.mesh.virtualServices[0]);
    assert.deepEqual(after.diagnostics, []);
  });

  test('a syntax error freezes its file’s objects and nothing else', () => {
    const after = loadMesh([file('a.yaml', `${bookshop}\n  bad: [`), file('b.yaml', route(2))], before);
    assert.equal(after.mesh.services.size, 1);
    assert.equal(after.mesh.workloads.size, 1);
    assert.equal(after.mesh.virtualServices[0]?.spec.http?.[0]?.route?.[0]?.weight, 2);
    assert.deepEqual(
      after.diagnostics.map((d) => `${d.level} ${d.code} ${d.name}`),
      ['error WEFT0001 ', 'warning WEFT0012 catalog', 'warning WEFT0012 catalog-v1'],
    );
    const mended = loadMesh([file('a.yaml', bookshop), file('b.yaml', route(2))], after);
    assert.deepEqual(mended.diagnostics, []);
    assert.equal(
      mended.mesh.services.get('catalog.default.svc.cluster.local'),
      before.mesh.services.get('catalog.default.svc.cluster.local'),
    );
  });

  test('an invalid object freezes itself', () => {
    const bad = route(2).replace('hosts:', 'host:');
    const after = loadMesh([file('a.yaml', bookshop), file('b.yaml', bad)], before);
    assert.equal(after.mesh.virtualServices[0], before.mesh.virtualServices[0]);
    assert.deepEqual(codes(after), ['2:1 warning WEFT0012 catalog', '6:3 error WEFT0004 catalog']);
    const again = loadMesh([file('a.yaml', bookshop), file('b.yaml', `${bad}\n`)], after);
    assert.equal(again.mesh.virtualServices[0], before.mesh.virtualServices[0]);
  });

  test('an invalid object without a last good version is absent', () => {
    const after = loadMesh([file('b.yaml', route(2).replace('hosts:', 'host:'))]);
    assert.deepEqual(after.mesh.virtualServices, []);
    assert.deepEqual(after.mesh.denied, []);
  });

  test('deleting deletes: a document, or a file', () => {
    assert.equal(loadMesh([file('a.yaml', bookshop), file('b.yaml', '# gone')], before).mesh.virtualServices.length, 0);
    assert.equal(loadMesh([file('a.yaml', bookshop)], before).mesh.virtualServices.length, 0);
  });

  test('a document that became unrecognisable may be any that is missing from its file: they stay', () => {
    const two = loadMesh([file('a.yaml', `${route(1)}---${strict}`)]);
    const after = loadMesh([file('a.yaml', `${route(1)}---${strict.replace('kind:', 'kin:')}`)], two);
    assert.equal(after.mesh.peerAuthentications[0], two.mesh.peerAuthentications[0]);
    assert.ok(after.diagnostics.some((d) => d.code === 'WEFT0012' && d.kind === 'PeerAuthentication'));
  });

  test('an object whose kind or group is misspelt stays as it was', () => {
    for (const slip of [
      route(2).replace('VirtualService', 'VirtualServise'),
      route(2).replace('istio.io', 'istio.oi'),
    ]) {
      const after = loadMesh([file('a.yaml', bookshop), file('b.yaml', slip)], before);
      assert.equal(after.mesh.virtualServices[0], before.mesh.virtualServices[0]);
      assert.deepEqual(
        after.diagnostics
          .map((d) => `${d.level} ${d.code} ${d.kind}`)
          .sort()
          .at(-1),
        'warning WEFT0012 VirtualService',
      );
      assert.equal(loadMesh([file('a.yaml', bookshop)], after).mesh.virtualServices.length, 0);
    }
  });

  test('the last good versions survive a restart, on disk', () => {
    const stored = onDisk(before);
    const broken = [file('a.yaml', bookshop), file('b.yaml', `${route(1)}\n bad: [`)];
    const after = loadMesh(broken, undefined, { lastGood: recallLastGood(JSON.parse(stored) as unknown[]) });
    assert.deepEqual(after.mesh.virtualServices, before.mesh.virtualServices);
    assert.deepEqual(loadMesh(broken).mesh.virtualServices, []);
  });

  test('a Secret is not kept among the last good versions', () => {
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: hunter2}\n';
    assert.ok(!onDisk(loadMesh([file('a.yaml', secret)])).includes('hunter2'));
  });
});

describe('two objects of one name', () => {
  test('the first in path order counts, the second is an error that names the first', () => {
    const { mesh, diagnostics } = loadMesh([file('b.yaml', route(2)), file('a.yaml', bookshop + '---' + route(1))]);
    assert.equal(mesh.virtualServices[0]?.spec.http?.[0]?.route?.[0]?.weight, 1);
    assert.equal(diagnostics.length, 1);
    assert.equal(diagnostics[0]?.code, 'WEFT0007');
    assert.equal(diagnostics[0]?.file, 'b.yaml');
    assert.match(diagnostics[0]?.message ?? '', /a\.yaml:28:1/);
  });
});

describe('security objects that cannot be read', () => {
  const denied = (text: string, previous?: LoadResult) => loadMesh([file('a.yaml', text)], previous).mesh.denied;
  const selection = (selector: object | null) => [
    { kind: 'PeerAuthentication', namespace: 'default', name: 'catalog', selector },
  ];

  test('deny what they select', () => {
    assert.deepEqual(denied(strict.replace('STRICT', 'STRIKT')), selection({ app: 'catalog' }));
  });

  test('deny their namespace where they select all of it, or where the selector is in doubt', () => {
    assert.deepEqual(denied(strict.replace('STRICT', 'STRIKT').replace(/.*selector.*\n/, '')), selection({}));
    assert.deepEqual(denied(strict.replace('selector:', 'selecter:')), selection(null));
    assert.deepEqual(denied(strict.replace('matchLabels: {app: catalog}', 'matchLabels: [app]')), selection(null));
    assert.deepEqual(denied(strict.replace('spec:', 'sepc:')), selection(null));
    assert.deepEqual(denied(`${strict}  x: [`), selection(null));
  });

  test('deny their namespace where no parser can read them', () => {
    const torn = JSON.stringify({ kind: 'PeerAuthentication', metadata: { name: 'catalog', namespace: 'shop' } }).slice(
      0,
      -1,
    );
    const result = loadMesh([file('a.json', torn)]);
    assert.deepEqual(result.mesh.denied, [{ ...selection(null)[0], namespace: 'shop' }]);
    assert.deepEqual(codes(result), ['1:78 error WEFT0001 ', '1:78 error WEFT0013 catalog']);
    assert.deepEqual(denied(strict.replace('apiVersion', '\t- {apiVersion')), selection(null));
  });

  test('deny nothing while a last good version stays in force', () => {
    const before = loadMesh([file('a.yaml', strict)]);
    const bad = loadMesh([file('a.yaml', strict.replace('STRICT', 'STRIKT'))], before);
    assert.deepEqual(bad.mesh.denied, []);
    assert.equal(bad.mesh.peerAuthentications[0], before.mesh.peerAuthentications[0]);
    assert.deepEqual(denied(`${strict}  x: [`, before), []);
  });

  test('deny for a kind that is not implemented or misspelt', () => {
    const jwt = strict
      .replace('PeerAuthentication', 'RequestAuthentication')
      .replace('mtls: {mode: STRICT}', 'jwtRules: []');
    assert.deepEqual(denied(jwt), [{ ...selection({ app: 'catalog' })[0], kind: 'RequestAuthentication' }]);
    assert.deepEqual(denied(strict.replace('PeerAuthentication', 'PeerAuthentcation')), [
      { ...selection({ app: 'catalog' })[0], kind: 'PeerAuthentcation' },
    ]);
  });

  test('a policy that is only tried out denies nothing and is not in the mesh', () => {
    const policy = (extra: string): string =>
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p${extra}}\nspec: {action: DENY, rules: [{}]}\n`;
    assert.equal(loadMesh([file('a.yaml', policy(''))]).mesh.authorizationPolicies.length, 1);
    const tried = loadMesh([file('a.yaml', policy(', annotations: {istio.io/dry-run: "true"}'))]);
    assert.deepEqual(tried.mesh.authorizationPolicies, []);
    assert.deepEqual(tried.mesh.denied, []);
    assert.deepEqual(
      tried.diagnostics.map((d) => `${d.level} ${d.code}`),
      ['warning WEFT0008'],
    );
  });
});
