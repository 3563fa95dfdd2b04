import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import type { SyncStatus } from './status/sync-status.ts';
import {
  Client,
  createCertificate,
  obtain,
  page,
  place,
  podList,
  service,
  session,
  start,
  token,
  until,
} from './testing/plane.ts';

const REVIEWS = 'spiffe://cluster.local/ns/default/sa/reviews';
const RATINGS = 'spiffe://cluster.local/ns/default/sa/ratings';

test('a bootstrap token buys one certificate, for its own identity', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  const client = session(t, at, plane.xdsPort);
  const bearer = token(at, 'reviews');
  const csr = createKeyAndCsr(REVIEWS);
  assert.match((await createCertificate(client, csr, bearer)).cert, /BEGIN CERTIFICATE/);
  await assert.rejects(createCertificate(client, csr, bearer), { code: 16, message: /WEFT0302.*used before/ });
  await assert.rejects(createCertificate(client, csr, '../../ca/root.key'), { code: 16, message: /malformed/ });
  await assert.rejects(createCertificate(client, csr, token(at, 'reviews', -1)), { code: 16, message: /expired/ });
  await assert.rejects(createCertificate(client, csr), { code: 16, message: /neither a bootstrap token/ });
  await assert.rejects(createCertificate(client, createKeyAndCsr(RATINGS), token(at, 'reviews')), {
    code: 7,
    message: /WEFT0303/,
  });
});

test('a request that cannot be read does not cost the token', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  const client = session(t, at, plane.xdsPort);
  const bearer = token(at, 'reviews');
  await assert.rejects(createCertificate(client, { csrPem: 'nonsense', privateKeyPem: '' }, bearer), {
    code: 3,
    message: /WEFT0301/,
  });
  assert.ok((await createCertificate(client, createKeyAndCsr(REVIEWS), bearer)).cert);
});

test('a certificate renews itself and no other', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  const client = session(t, at, plane.xdsPort, await obtain(t, at, plane.xdsPort, 'reviews'));
  assert.ok((await createCertificate(client, createKeyAndCsr(REVIEWS))).cert);
  await assert.rejects(createCertificate(client, createKeyAndCsr(RATINGS)), { code: 7, message: /WEFT0303/ });
});

test('a proxy is served its configuration under its own identity only', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  at.save(join(at.state, 'run/pods.json'), podList('reviews', 'ratings'));
  const identity = await obtain(t, at, plane.xdsPort, 'reviews');
  const client = new Client(session(t, at, plane.xdsPort, identity), 'reviews-0');
  assert.deepEqual(
    (await client.acknowledge()).resources?.map((r) => r.name),
    ['outbound|80||reviews.default.svc.cluster.local'],
  );

  const thief = new Client(session(t, at, plane.xdsPort, identity), 'ratings-0');
  assert.deepEqual(await thief.closed, {
    code: 7,
    message: `WEFT0303: ${REVIEWS} is not the identity of pod default/ratings-0`,
  });
  const stranger = new Client(session(t, at, plane.xdsPort), 'reviews-0');
  assert.equal((await stranger.closed).code, 7);
  const lost = new Client(session(t, at, plane.xdsPort, identity), 'unknown-0');
  assert.equal((await lost.closed).code, 7);
});

test('a saved change reaches a connected proxy, a broken one freezes, a deleted one deletes', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  at.save(join(at.state, 'run/pods.json'), podList('reviews'));
  const client = new Client(session(t, at, plane.xdsPort, await obtain(t, at, plane.xdsPort, 'reviews')), 'reviews-0');
  await client.acknowledge();

  at.save(at.manifests, `${service('reviews')}---\n${service('ratings')}`);
  assert.deepEqual(
    (await client.acknowledge()).resources?.map((r) => r.name),
    ['outbound|80||ratings.default.svc.cluster.local'],
  );

  at.save(at.manifests, `${service('reviews')}---\n{ broken`);
  await until(() => plane.said.find((line) => line.includes('services.yaml') && line.includes('WEFT0001')));
  const status = JSON.parse((await page(plane.statusPort, '/debug/status')).text) as { name: string; state: string }[];
  assert.ok(status.some((s) => s.name === 'ratings'));
  assert.ok(client.quiet);

  at.save(at.manifests, service('ratings'));
  assert.deepEqual((await client.acknowledge()).removedResources, ['outbound|80||reviews.default.svc.cluster.local']);
  await until(() => plane.said.find((line) => line.includes('all manifests are valid again')));
});

test('a proxy whose pod is gone is disconnected', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  const pods = join(at.state, 'run/pods.json');
  at.save(pods, podList('reviews'));
  const client = new Client(session(t, at, plane.xdsPort, await obtain(t, at, plane.xdsPort, 'reviews')), 'reviews-0');
  await client.acknowledge();
  at.save(pods, podList());
  assert.deepEqual(await client.closed, { code: 14, message: 'pod default/reviews-0 is gone' });
});

test('after a restart a proxy that has everything is sent nothing', async (t) => {
  const at = place(t);
  const first = await start(t, at);
  at.save(join(at.state, 'run/pods.json'), podList('reviews'));
  const identity = await obtain(t, at, first.xdsPort, 'reviews');
  const before = new Client(session(t, at, first.xdsPort, identity), 'reviews-0');
  const held = Object.fromEntries((await before.acknowledge()).resources?.map((r) => [r.name, r.version]) ?? []);
  await first.close();

  // The root is the same: the certificate of before is still good.
  const second = await start(t, at);
  const client = new Client(session(t, at, second.xdsPort, identity), 'reviews-0', held);
  const synced = await until(async () => {
    const rows = JSON.parse((await page(second.statusPort, '/debug/syncz')).text) as SyncStatus[];
    return rows.find((row) => row.proxy === 'reviews-0.default' && row.connected);
  });
  assert.equal(synced.principal, REVIEWS);
  // An answer without resources says that there are no others.
  assert.equal((await client.acknowledge()).resources, undefined);
  at.save(at.manifests, `${service('reviews')}---\n${service('ratings')}`);
  const next = await client.acknowledge();
  assert.deepEqual(
    next.resources?.map((r) => r.name),
    ['outbound|80||ratings.default.svc.cluster.local'],
  );
});

test('what was good before a restart stays in force when the file is broken', async (t) => {
  const at = place(t);
  await (await start(t, at)).close();
  assert.equal(statSync(join(at.state, 'last-good.jsonl')).mode & 0o777, 0o600);
  writeFileSync(at.manifests, '{ broken');
  const plane = await start(t, at);
  const status = JSON.parse((await page(plane.statusPort, '/debug/status')).text) as { name: string; state: string }[];
  assert.deepEqual(
    status.map((s) => `${s.name} ${s.state}`),
    ['reviews frozen'],
  );
});

test('a resource that a proxy refuses is reported', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  at.save(join(at.state, 'run/pods.json'), podList('reviews'));
  const client = new Client(session(t, at, plane.xdsPort, await obtain(t, at, plane.xdsPort, 'reviews')), 'reviews-0');
  const { nonce } = await client.next();
  client.send({ responseNonce: nonce, errorDetail: { code: 3, message: 'no such thing' } });
  const row = await until(async () => {
    const rows = JSON.parse((await page(plane.statusPort, '/debug/syncz')).text) as SyncStatus[];
    return rows.find((r) => r.nacks.length > 0);
  });
  assert.deepEqual(
    row.nacks.map((n) => [n.type, n.resource, n.message]),
    [['cds', 'outbound|80||reviews.default.svc.cluster.local', 'no such thing']],
  );
  assert.equal(row.synced, false);
  assert.match((await page(plane.statusPort, '/metrics')).text, /pilot_total_xds_rejects\{type="cds"\} 1/);
  assert.ok(plane.said.some((line) => line.includes('WEFT0401') && line.includes('no such thing')));
});

test('the status port answers loopback names only', async (t) => {
  const plane = await start(t, place(t));
  assert.equal((await page(plane.statusPort, '/ready')).status, 200);
  assert.equal((await page(plane.statusPort, '/ready', 'evil.example')).status, 403);
  assert.equal((await page(plane.statusPort, '/nothing')).status, 404);
});

test('the root key is private, made once, and never replaced when it is broken', async (t) => {
  const at = place(t);
  await (await start(t, at)).close();
  assert.equal(statSync(join(at.state, 'ca/root.key')).mode & 0o777, 0o600);
  assert.equal(statSync(join(at.state, 'ca')).mode & 0o777, 0o700);
  const certificate = readFileSync(join(at.state, 'ca/root.crt'), 'utf8');
  await (await start(t, at)).close();
  assert.equal(readFileSync(join(at.state, 'ca/root.crt'), 'utf8'), certificate);
  writeFileSync(join(at.state, 'ca/root.key'), 'broken');
  await assert.rejects(start(t, at), { name: 'WeftError', message: /restore it, or remove/ });
  rmSync(join(at.state, 'ca/root.key'));
  await assert.rejects(start(t, at), { name: 'WeftError', message: /cannot be used.*ENOENT/ });
});

test('manifests that cannot be read at start are said clearly', async (t) => {
  const at = place(t);
  await assert.rejects(start(t, at, { paths: [join(at.directory, 'nowhere')] }), {
    name: 'WeftError',
    message: /nowhere cannot be read \(ENOENT\)$/,
  });
});

test('a port in use and a state directory that cannot be made are said clearly', async (t) => {
  const at = place(t);
  const plane = await start(t, at);
  await assert.rejects(start(t, at, { xdsPort: plane.xdsPort }), {
    name: 'WeftError',
    message: /cannot listen on 127.0.0.1:\d+ for xDS \(EADDRINUSE\)/,
  });
  await assert.rejects(start(t, at, { stateDir: join(at.manifests, 'state') }), {
    name: 'WeftError',
    message: /cannot be written \(ENOTDIR\)/,
  });
});
