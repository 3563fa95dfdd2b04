import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { translateParts } from '@weft/translate/translate';
import { typeUrls } from '@weft/xds-api/type-urls';
import {
  Client,
  obtain,
  page,
  place,
  type Place,
  podList,
  type Running,
  service,
  session,
  start,
  until,
} from '../testing/plane.ts';
import type { ObjectDetail, ObjectStatus } from './object-status.ts';
import type { SyncStatus } from './sync-status.ts';

const weight = (v2: number): string => `${service('reviews')}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: reviews }, weight: ${100 - v2} }, { destination: { host: other }, weight: ${v2} }] }]
`;

const json = async <T>({ statusPort }: Running, path: string): Promise<T> =>
  JSON.parse((await page(statusPort, path)).text) as T;

/** A control plane with a proxy that has acknowledged clusters and endpoints, and asked for routes. */
const scene = async (t: TestContext): Promise<{ at: Place; plane: Running; client: Client }> => {
  const at = place(t);
  at.save(at.manifests, weight(10));
  const plane = await start(t, at, { translate: translateParts });
  at.save(join(at.state, 'run/pods.json'), podList('reviews'));
  const client = new Client(session(t, at, plane.xdsPort, await obtain(t, at, plane.xdsPort, 'reviews')), 'reviews-0');
  const clusters = (await client.acknowledge()).resources?.map((r) => r.name) ?? [];
  client.send({ typeUrl: typeUrls.clusterLoadAssignment, resourceNamesSubscribe: clusters });
  await client.acknowledge();
  client.send({ typeUrl: typeUrls.routeConfiguration, resourceNamesSubscribe: ['http_proxy'] });
  return { at, plane, client };
};

const ROUTE = '/debug/status?kind=VirtualService&namespace=default&name=reviews';

test('an object says which proxies have which version of it, and a proxy how far it is with each type', async (t) => {
  const { at, plane, client } = await scene(t);
  const proxy = async (): Promise<SyncStatus> => (await json<SyncStatus[]>(plane, '/debug/syncz'))[0] as SyncStatus;
  const sent = await client.next();
  assert.equal((await proxy()).types.rds?.status, 'STALE');
  assert.equal((await proxy()).types.cds?.status, 'SYNCED');
  assert.deepEqual((await json<ObjectDetail>(plane, ROUTE)).proxies, { concerned: 1, acknowledged: 0, refused: 0 });
  client.send({ typeUrl: sent.typeUrl, responseNonce: sent.nonce });
  const first = await until(async () => {
    const detail = await json<ObjectDetail>(plane, ROUTE);
    return detail.proxies.acknowledged === 1 ? detail : undefined;
  });
  assert.equal((await proxy()).types.rds?.status, 'SYNCED');
  assert.equal((await proxy()).workload, 'default/reviews');
  assert.equal((await proxy()).types.lds, undefined);

  at.save(at.manifests, weight(20));
  const second = await client.next();
  const detail = await json<ObjectDetail>(plane, ROUTE);
  assert.notEqual(detail.version, first.version);
  assert.equal(detail.state, 'valid');
  const [resource] = detail.atProxies[0]?.resources ?? [];
  assert.deepEqual([resource?.type, resource?.name], ['rds', 'http_proxy']);
  assert.equal(resource?.ackedVersion, first.atProxies[0]?.resources[0]?.version);
  assert.notEqual(resource?.version, resource?.ackedVersion);
  client.send({ typeUrl: second.typeUrl, responseNonce: second.nonce });
  const all = await until(async () => {
    const rows = await json<ObjectStatus[]>(plane, '/debug/status');
    return rows.every((row) => row.proxies.acknowledged === row.proxies.concerned) ? rows : undefined;
  });
  assert.deepEqual(all.map((row) => `${row.kind} ${row.state} ${row.proxies.acknowledged}`).sort(), [
    'Pod valid 0',
    'Service valid 1',
    'VirtualService valid 1',
  ]);
});

test('an object whose resource a proxy refuses says who refused it and why, and the proxy of what it was made', async (t) => {
  const { at, plane, client } = await scene(t);
  await client.acknowledge();
  at.save(at.manifests, weight(20));
  const { nonce, typeUrl } = await client.next();
  client.send({ typeUrl, responseNonce: nonce, errorDetail: { code: 3, message: 'I do not like it' } });
  const detail = await until(async () => {
    const found = await json<ObjectDetail>(plane, ROUTE);
    return found.state === 'refused' ? found : undefined;
  });
  assert.equal(detail.atProxies[0]?.resources[0]?.refusal, 'I do not like it');
  assert.equal(detail.atProxies[0]?.acknowledged, false);
  const [proxy] = await json<SyncStatus[]>(plane, '/debug/syncz');
  assert.equal(proxy?.types.rds?.status, 'ERROR');
  assert.deepEqual(
    proxy?.nacks[0]?.origins.map((o) => `${o.kind}/${o.namespace}/${o.name}`),
    ['VirtualService/default/reviews'],
  );
  assert.equal((await page(plane.statusPort, ROUTE.replace('name=reviews', 'name=nobody'))).status, 404);
});

test('the metrics have istiod’s names, and what happened', async (t) => {
  const { at, plane, client } = await scene(t);
  await client.acknowledge();
  at.save(at.manifests, weight(20));
  await client.acknowledge();
  const metrics = await until(async () => {
    const { text } = await page(plane.statusPort, '/metrics');
    return text.includes('weft_proxies_lagging 0') ? text : undefined;
  });
  for (const line of [
    'citadel_server_csr_count 1',
    'citadel_server_success_cert_issuance_count 1',
    'pilot_xds 1',
    'pilot_services 1',
    'pilot_virt_services 1',
    'pilot_total_rejected_configs 0',
    'pilot_xds_rds_reject 0',
    'pilot_xds_pushes{type="rds"} 2',
  ])
    assert.ok(metrics.split('\n').includes(line), `${line} in\n${metrics}`);
  for (const name of ['pilot_proxy_convergence_time', 'pilot_xds_push_time', 'pilot_debounce_time'])
    assert.match(metrics, new RegExp(`^${name}_count [1-9]`, 'm'));
  const left = Number(/^citadel_server_root_cert_expiry_seconds (\S+)$/m.exec(metrics)?.[1]);
  assert.ok(left > 86_400 && left < 86_400 * 365 * 20, String(left));
});
