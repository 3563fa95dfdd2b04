import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadMesh } from './load.ts';
import type { Mesh } from './mesh.ts';
import { virtualServiceFor } from './virtual-service-for.ts';

const rule = (name: string, namespace: string, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace },
  spec: { http: [{ route: [{ destination: { host: 'a.b.c' } }] }], ...spec },
});

const meshOf = (...items: object[]): Mesh =>
  loadMesh([{ path: 'a.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) }]).mesh;

const found = (mesh: Mesh, host: string, client: string): string | undefined =>
  virtualServiceFor(mesh, host, client)?.name;
const host = 'catalog.shop.svc.cluster.local';

describe('the VirtualService that routes a host', () => {
  test('a short name means the rule’s own namespace', () => {
    const mesh = meshOf(rule('own', 'shop', { hosts: ['catalog'] }), rule('other', 'bank', { hosts: ['catalog'] }));
    assert.equal(found(mesh, host, 'bank'), 'own');
    assert.equal(found(mesh, 'catalog.bank.svc.cluster.local', 'shop'), 'other');
  });

  test('of several the first by namespace and name applies to those who see it', () => {
    const mesh = meshOf(
      rule('a', 'zoo', { hosts: [host] }),
      rule('b', 'bank', { hosts: [host], exportTo: ['.'] }),
      rule('c', 'shop', { hosts: ['catalog'] }),
    );
    assert.equal(found(mesh, host, 'bank'), 'b');
    assert.equal(found(mesh, host, 'shop'), 'c');
  });

  test('an exact host goes before a wildcard, a longer wildcard before a shorter one', () => {
    const mesh = meshOf(
      rule('a', 'shop', { hosts: ['*.local'] }),
      rule('b', 'shop', { hosts: ['*.shop.svc.cluster.local'] }),
      rule('c', 'shop', { hosts: ['catalog'] }),
    );
    assert.equal(found(mesh, host, 'shop'), 'c');
    assert.equal(found(mesh, 'orders.shop.svc.cluster.local', 'shop'), 'b');
    assert.equal(found(mesh, 'orders.bank.svc.cluster.local', 'shop'), 'a');
    assert.equal(found(mesh, 'example.com', 'shop'), undefined);
  });

  test('one on gateways only does not route in sidecars', () => {
    assert.equal(
      found(meshOf(rule('a', 'shop', { hosts: ['catalog'], gateways: ['ingress'] })), host, 'shop'),
      undefined,
    );
    assert.equal(
      found(meshOf(rule('a', 'shop', { hosts: ['catalog'], gateways: ['ingress', 'mesh'] })), host, 'shop'),
      'a',
    );
  });

  test('exportTo names who sees it', () => {
    const mesh = (exportTo: string[]): Mesh => meshOf(rule('a', 'shop', { hosts: ['catalog'], exportTo }));
    assert.equal(found(mesh(['.']), host, 'shop'), 'a');
    assert.equal(found(mesh(['.']), host, 'bank'), undefined);
    assert.equal(found(mesh(['bank']), host, 'bank'), 'a');
    assert.equal(found(mesh(['bank']), host, 'shop'), undefined);
    assert.equal(found(mesh(['~']), host, 'shop'), undefined);
  });
});
