import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { compile } from '@weft/commands/compile';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import { envoyBinary, needs } from '@weft/testkit/require';

/** An address of the loopback network that no other run is likely to have; its low blocks are not `weft up`'s. */
const address = `127.33.${process.pid % 256}.${(process.pid >> 8) % 254 || 254}`;

const manifests = (appPort: number): string => `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Pod
metadata:
  name: reviews
  namespace: default
  labels: {app: reviews}
  annotations: {weft.dev/app-ports: '{"9080": ${appPort}}'}
spec: {serviceAccountName: reviews, containers: [{name: main, image: none, ports: [{containerPort: 9080}]}]}
status: {podIP: ${address}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /tea}}]
    directResponse: {status: 418}
  - match: [{uri: {prefix: /gone}}]
    route: [{destination: {host: gone}}]
  - match: [{uri: {prefix: /without}, withoutHeaders: {x-a: {exact: b}}}]
    directResponse: {status: 299}
  - route: [{destination: {host: reviews}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews, namespace: default}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/reviews]}}]
    to: [{operation: {paths: ["/ok*", /without], hosts: [reviews]}}]
`;

/** One Envoy that calls itself: out by its HTTP proxy, in under mutual TLS. */
describe('Envoy with a compiled bootstrap', { skip: needs('envoy', 'linux') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bootstrap-'));
  let app: Server;
  let envoy: ChildProcess;

  before(async () => {
    app = createServer((req, res) => res.end(JSON.stringify(req.headers))).listen(0, '127.0.0.1');
    await once(app, 'listening');
    writeCertificates(folder);
    writeFileSync(join(folder, 'mesh.yaml'), manifests((app.address() as AddressInfo).port));
    const { text } = compile({
      paths: [join(folder, 'mesh.yaml')],
      proxy: 'default/reviews',
      format: 'envoy-bootstrap',
      certs: folder,
      clock: systemClock,
    });
    writeFileSync(join(folder, 'envoy.json'), text);
    const args = ['-c', join(folder, 'envoy.json'), '--use-dynamic-base-id', '--concurrency', '1', '-l', 'error'];
    envoy = spawn(envoyBinary() as string, args, { stdio: 'ignore' });
    await untilReady();
  });

  after(async () => {
    if (envoy.exitCode === null) {
      envoy.kill();
      await once(envoy, 'exit');
    }
    app.closeAllConnections();
    app.close();
    rmSync(folder, { recursive: true });
  });

  it('carries an allowed call under mutual TLS, with the caller’s identity and nobody’s orders', async () => {
    const answer = await call('/ok', { 'x-envoy-max-retries': '9' });
    assert.equal(answer.status, 200);
    const seen = JSON.parse(answer.body) as Record<string, string>;
    assert.match(seen['x-forwarded-client-cert'] ?? '', /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews/);
    assert.deepEqual(
      Object.keys(seen).filter((name) => name.startsWith('x-envoy-')),
      ['x-envoy-attempt-count'],
    );
  });

  it('decides as the manifests say', async () => {
    const statuses: Record<string, number> = {};
    for (const path of ['/no', '/tea', '/gone', '/without']) statuses[path] = (await call(path)).status;
    assert.deepEqual(statuses, { '/no': 403, '/tea': 418, '/gone': 503, '/without': 299 });
    assert.equal((await call('/without', { 'x-a': 'b' })).status, 200);
  });

  it('passes through what is not of the mesh, by name and by address', async () => {
    const { port } = app.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost'])
      assert.equal((await call('/', {}, `${host}:${port}`)).status, 200, host);
    assert.equal((await call('/', {}, 'elsewhere.invalid')).status, 503);
  });

  it('opens a tunnel to a service and routes what is inside', async () => {
    const socket = connect(15001, address);
    socket.write('CONNECT reviews:9080 HTTP/1.1\r\nhost: reviews:9080\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200/);
    socket.write('GET /tea HTTP/1.1\r\nhost: reviews:9080\r\nconnection: close\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 418/);
    socket.destroy();
  });

  it('takes no plaintext where mutual TLS is STRICT', async () => {
    await assert.rejects(call('/ok', {}, 'reviews:9080', 9080), /ECONNRESET|socket hang up/);
  });

  const untilReady = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      if (envoy.exitCode !== null) assert.fail(`Envoy ended with ${envoy.exitCode}`);
      const status = await call('/ready', {}, 'admin', 15000).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) return;
      await systemClock.sleep(50);
    }
    assert.fail('Envoy is not ready after 10 s');
  };
});

const writeCertificates = (folder: string): void => {
  const id = 'spiffe://cluster.local/ns/default/sa/reviews';
  const authority = new CertificateAuthority(
    createRoot({ trustDomain: 'cluster.local', clock: systemClock }),
    systemClock,
  );
  const { privateKeyPem, csrPem } = createKeyAndCsr(id);
  const { spki } = readCsr(csrPem);
  writeFileSync(join(folder, 'key.pem'), privateKeyPem, { mode: 0o600 });
  writeFileSync(join(folder, 'cert-chain.pem'), authority.issue({ spki, spiffeId: id, ttlMs: 3_600_000 }));
  writeFileSync(join(folder, 'root-cert.pem'), authority.certificatePem);
};

const call = async (
  path: string,
  headers: Record<string, string> = {},
  host = 'reviews:9080',
  port = 15001,
): Promise<{ status: number; body: string }> => {
  const target = port === 15001 ? `http://${host}${path}` : path;
  const sent = request({ host: address, port, path: target, headers: { host, ...headers }, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
};
