import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { formatDiagnostic } from '@weft/base/diagnostic';
import { FakeClock } from '@weft/testkit/fake-clock';
import { envoyBinary, needs } from '@weft/testkit/require';
import { type CompileOptions, type CompileOutcome, compile } from './compile.ts';

const MANIFESTS = `apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec:
  selector: {app: db}
  ports: [{name: tcp, port: 5432}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: reviews}}
  template:
    metadata: {labels: {app: reviews, version: v1}}
    spec: {containers: [{name: main, image: none, ports: [{containerPort: 9080}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {regex: "/a+"}, headers: {x: {}}, queryParams: {q: {exact: "1"}}}]
    retries: {attempts: 3, retryOn: "5xx,418", backoff: 50ms}
    route: [{destination: {host: reviews}, weight: 90}, {destination: {host: gone}, weight: 10}]
  - route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 10}}}
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews, namespace: default}
spec:
  rules:
  - from: [{source: {principals: ["*/sa/x"], notNamespaces: [evil], ipBlocks: [10.0.0.0/8]}}]
    to: [{operation: {hosts: ["*.example.com"], paths: [/a*], methods: [GET], ports: ["9080"]}}]
    when: [{key: "request.headers[x]", values: ["*"]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: none, namespace: default}
spec: {}
`;

const inFolder = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-compile-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'mesh.yaml'), text);
  return folder;
};

const run = (folder: string, options: Partial<CompileOptions> = {}): CompileOutcome =>
  compile({ paths: [folder], proxy: 'default/reviews', format: 'json', clock: new FakeClock(), ...options });

test('weft compile prints what a proxy is told, with secrets by name', (t) => {
  const { text } = run(inFolder(t, MANIFESTS));
  const shown = JSON.parse(text) as Record<string, { name?: string; clusterName?: string }[]>;
  assert.deepEqual(Object.keys(shown), ['listeners', 'routes', 'clusters', 'endpoints', 'secrets']);
  assert.deepEqual(shown.secrets, [{ name: 'default' }, { name: 'ROOTCA' }]);
  assert.ok(shown.clusters?.some(({ name }) => name === 'outbound|9080|v1|reviews.default.svc.cluster.local'));
});

test('a Deployment that does not run yet has an endpoint for each replica', (t) => {
  const { text } = run(inFolder(t, MANIFESTS));
  const addresses = [...text.matchAll(/"address": "(127\.1\.0\.\d+)",\n\s*"portValue": 9080/g)].map((m) => m[1]);
  assert.deepEqual([...new Set(addresses)], ['127.1.0.1', '127.1.0.2']);
});

test('a Pod that has an address stands for its Deployment', (t) => {
  const pod = `---
apiVersion: v1
kind: Pod
metadata: {name: reviews-x, namespace: default, labels: {app: reviews, weft.dev/workload: reviews}}
spec: {containers: [{name: main, image: none, ports: [{containerPort: 9080}]}]}
status: {podIP: 127.9.9.9, conditions: [{type: Ready, status: "True"}]}
`;
  const { text } = run(inFolder(t, MANIFESTS + pod));
  assert.match(text, /"name": "127\.9\.9\.9_15001"/);
  assert.doesNotMatch(text, /127\.1\.0\./);
});

test('errors in manifests are told and leave the rest in force', (t) => {
  const { text, diagnostics, exitCode } = run(inFolder(t, MANIFESTS));
  assert.equal(exitCode, 1);
  assert.ok(diagnostics.some((d) => d.code === 'WEFT0101' && d.message.includes('gone')));
  assert.notEqual(text, '');
});

test('manifests without errors exit with 0', (t) => {
  const clean = MANIFESTS.replace('host: gone', 'host: db');
  const { exitCode, diagnostics } = run(inFolder(t, clean));
  assert.equal(exitCode, 0, diagnostics.map(formatDiagnostic).join('\n'));
});

test('an unknown workload is an error that names those there are', (t) => {
  const outcome = run(inFolder(t, MANIFESTS), { proxy: 'default/nobody' });
  assert.equal(outcome.exitCode, 1);
  assert.equal(outcome.text, '');
  const told = outcome.diagnostics.filter((d) => d.code === 'WEFT0206').map(formatDiagnostic);
  assert.deepEqual(told, [
    '--proxy:1:1: error WEFT0206: no Deployment or Pod default/nobody; there are default/reviews',
  ]);
});

test('a malformed --proxy, and a bootstrap without certificates, are mistakes of usage', (t) => {
  const folder = inFolder(t, MANIFESTS);
  for (const proxy of ['reviews', 'default/', 'a/b/c']) assert.equal(run(folder, { proxy }).exitCode, 2, proxy);
  assert.equal(run(folder, { format: 'envoy-bootstrap' }).exitCode, 2);
});

test('a bootstrap asks no control plane for anything', (t) => {
  const { text } = run(inFolder(t, MANIFESTS), { format: 'envoy-bootstrap', certs: '/certs/' });
  assert.doesNotMatch(text, /"rds"|"ads"|dsConfig|SdsSecretConfig|"EDS"/);
  assert.match(text, /"filename": "\/certs\/key.pem"/);
});

test('Envoy accepts the bootstrap', { skip: needs('envoy') }, (t) => {
  const folder = inFolder(t, MANIFESTS);
  const certs = join(folder, 'certs');
  mkdirSync(certs);
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=test'],
      ...['-keyout', join(certs, 'key.pem'), '-out', join(certs, 'cert-chain.pem')],
    ],
    { stdio: 'ignore' },
  );
  writeFileSync(join(certs, 'root-cert.pem'), execFileSync('cat', [join(certs, 'cert-chain.pem')]));
  const file = join(folder, 'envoy.json');
  writeFileSync(file, run(folder, { format: 'envoy-bootstrap', certs }).text);
  const envoy = envoyBinary() ?? assert.fail();
  const said = execFileSync(envoy, ['--mode', 'validate', '-c', file, '--use-dynamic-base-id'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.match(said, /OK/);
});
