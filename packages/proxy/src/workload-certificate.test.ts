import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { seededRandom } from '@weft/base/random';
import { grpcCodes } from '@weft/xds/grpc';
import { testControlPlane } from './testing/control-plane.ts';
import { spiffeIdOf, workloadCertificate } from './workload-certificate.ts';

const trustDomain = 'cluster.local';
const TOKEN = 'one-use-token';

const place = (t: TestContext, port: number, rootPem: string): ProxyBootstrap => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-certificate-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'root.crt'), rootPem);
  writeFileSync(join(dir, 'token'), `${TOKEN}\n`, { mode: 0o600 });
  return {
    node: { metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'orders' } },
    trustDomain,
    discoveryAddress: `127.0.0.1:${port}`,
    rootCertFile: join(dir, 'root.crt'),
    tokenFile: join(dir, 'token'),
  } as ProxyBootstrap;
};

const start = (t: TestContext, bootstrap: ProxyBootstrap) => {
  const failures: Error[] = [];
  const identity = workloadCertificate({
    bootstrap,
    clock: systemClock,
    random: seededRandom(1),
    onFailure: (error) => failures.push(error),
  });
  t.after(() => identity.stop());
  return { identity, failures };
};

test('the first certificate costs the token, whose file is then gone', async (t) => {
  const ca = await testControlPlane(t);
  const bootstrap = place(t, ca.port, ca.root.certificatePem);
  const { identity } = start(t, bootstrap);
  const credentials = await identity.start();
  assert.equal(credentials.spiffeId, 'spiffe://cluster.local/ns/shop/sa/orders');
  assert.equal(spiffeIdOf(bootstrap), credentials.spiffeId);
  assert.deepEqual(credentials.bundle.rootsPem.join('').trim(), ca.root.certificatePem.trim());
  assert.equal(existsSync(bootstrap.tokenFile), false);
  assert.deepEqual(ca.calls, [{ authorization: `Bearer ${TOKEN}`, clientCertificate: false }]);
});

test('the next is asked for with the certificate in force, and no token', async (t) => {
  const ca = await testControlPlane(t);
  ca.behaviour.ttlMs = 1500;
  const { identity } = start(t, place(t, ca.port, ca.root.certificatePem));
  const first = await identity.start();
  const second = await new Promise<typeof first>((resolve) => identity.onRotated(resolve));
  assert.notEqual(second.serialNumber, first.serialNumber);
  assert.deepEqual(ca.calls.at(-1), { authorization: undefined, clientCertificate: true });
});

test('a refusal ends the start: the token is spent, only a new one helps', async (t) => {
  const ca = await testControlPlane(t);
  ca.behaviour.refuse = grpcCodes.unauthenticated;
  const { identity } = start(t, place(t, ca.port, ca.root.certificatePem));
  await assert.rejects(identity.start(), { name: 'WeftError', message: /the control plane refused a certificate: no/ });
  assert.equal(ca.calls.length, 1);
});

test('a control plane that is away is tried again', async (t) => {
  const ca = await testControlPlane(t);
  ca.behaviour.refuse = grpcCodes.unavailable;
  const bootstrap = place(t, ca.port, ca.root.certificatePem);
  const { identity, failures } = start(t, bootstrap);
  const started = identity.start();
  while (failures.length === 0) await systemClock.sleep(5);
  assert.match(failures[0]?.message ?? '', /no certificate from the control plane at 127.0.0.1:\d+: no/);
  assert.ok(existsSync(bootstrap.tokenFile), 'the token is not spent');
  ca.behaviour.refuse = null;
  await started;
});

test('an impostor gets no token: another root, or a workload of the mesh itself', async (t) => {
  const honest = await testControlPlane(t);
  const workload = await testControlPlane(t, { names: ['orders.shop.svc'] });
  for (const [port, root] of [
    [honest.port, workload.root.certificatePem],
    [workload.port, workload.root.certificatePem],
  ] as const) {
    const { identity, failures } = start(t, place(t, port, root));
    const started = identity.start();
    while (failures.length === 0) await systemClock.sleep(5);
    identity.stop();
    await assert.rejects(started);
    assert.match(failures[0]?.message ?? '', /certificate/);
  }
  assert.deepEqual([honest.calls, workload.calls], [[], []]);
});
