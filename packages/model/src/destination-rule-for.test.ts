import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { destinationRuleFor } from './destination-rule-for.ts';
import { type LoadResult, loadMesh } from './load.ts';

const rule = (name: string, namespace: string, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name, namespace },
  spec,
});
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'catalog', namespace: 'shop' },
  spec: { ports: [{ port: 80 }] },
};

const load = (items: object[], previous?: LoadResult): LoadResult =>
  loadMesh(
    [{ path: 'a.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service, ...items] }) }],
    previous,
  );

const host = 'catalog.shop.svc.cluster.local';
const found = (items: object[], client: string): string | undefined =>
  destinationRuleFor(load(items).mesh, host, client)?.name;

describe('the DestinationRule of a host', () => {
  const client = rule('client', 'bank', { host });
  const own = rule('own', 'shop', { host: 'catalog' });
  const root = rule('root', 'istio-system', { host: '*.cluster.local' });
  const third = rule('third', 'zoo', { host });

  test('is looked up in the client’s namespace, then the service’s, then the root namespace', () => {
    assert.equal(found([client, own, root, third], 'bank'), 'client');
    assert.equal(found([own, root, third], 'bank'), 'own');
    assert.equal(found([root, third], 'bank'), 'root');
    assert.equal(found([third], 'bank'), undefined);
  });

  test('counts only where it is exported to', () => {
    const hidden = rule('own', 'shop', { host: 'catalog', exportTo: ['.'] });
    assert.equal(found([hidden, root], 'bank'), 'root');
    assert.equal(found([hidden, root], 'shop'), 'own');
  });

  test('is the exact host’s before a wildcard’s', () => {
    const wide = rule('a-wide', 'shop', { host: '*.shop.svc.cluster.local' });
    assert.equal(found([wide, own], 'shop'), 'own');
    assert.equal(found([wide], 'shop'), 'a-wide');
  });

  test('is none for those that choose their clients, until that is implemented', () => {
    assert.equal(
      found([rule('own', 'shop', { host: 'catalog', workloadSelector: { matchLabels: { app: 'a' } } })], 'shop'),
      undefined,
    );
  });

  const policy = { loadBalancer: { simple: 'RANDOM' } };
  const first = rule('a', 'shop', { host: 'catalog', subsets: [{ name: 'v1', labels: { v: '1' } }] });
  const second = rule('b', 'shop', { host, trafficPolicy: policy, subsets: [{ name: 'v1' }, { name: 'v2' }] });

  test('is one, where a namespace has several: all subsets, the first traffic policy', () => {
    const merged = destinationRuleFor(load([first, second]).mesh, host, 'bank');
    assert.equal(merged?.name, 'a');
    assert.deepEqual(merged?.spec.subsets, [{ name: 'v1', labels: { v: '1' } }, { name: 'v2' }]);
    assert.deepEqual(merged?.spec.trafficPolicy, policy);
  });

  test('keeps its identity across loads, merged or not', () => {
    const before = load([first, second]);
    const after = load([first, second, client], before);
    assert.equal(destinationRuleFor(after.mesh, host, 'shop'), destinationRuleFor(before.mesh, host, 'shop'));
    const changed = load([first, rule('b', 'shop', { host })], before);
    assert.notEqual(destinationRuleFor(changed.mesh, host, 'shop'), destinationRuleFor(before.mesh, host, 'shop'));
  });
});
