import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadMesh } from './load.ts';
import type { Mesh } from './mesh.ts';
import { mtlsModeFor } from './peer-authentication.ts';

const policy = (namespace: string, spec: object, name = 'default', creationTimestamp?: string): object => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name, namespace, ...(creationTimestamp && { creationTimestamp }) },
  spec,
});
const mode = (mode: string): object => ({ mtls: { mode } });
const meshOf = (...items: object[]): Mesh => {
  const { mesh, diagnostics } = loadMesh([
    { path: 'a.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) },
  ]);
  assert.deepEqual(
    diagnostics.filter((d) => d.level === 'error'),
    [],
  );
  return mesh;
};
const labels = { app: 'catalog' };
const selector = { matchLabels: labels };

describe('the mutual TLS mode of a workload’s port', () => {
  test('nothing said is PERMISSIVE', () => {
    assert.equal(mtlsModeFor(meshOf(), 'shop', labels, 80), 'PERMISSIVE');
    assert.equal(mtlsModeFor(meshOf(policy('istio-system', {})), 'shop', labels, 80), 'PERMISSIVE');
  });

  test('port goes before workload, workload before namespace, namespace before mesh', () => {
    const root = policy('istio-system', mode('DISABLE'));
    const namespace = policy('shop', mode('STRICT'));
    const workload = policy(
      'shop',
      { selector, ...mode('PERMISSIVE'), portLevelMtls: { 80: { mode: 'DISABLE' }, 81: {} } },
      'catalog',
    );
    assert.equal(mtlsModeFor(meshOf(root), 'shop', labels, 80), 'DISABLE');
    assert.equal(mtlsModeFor(meshOf(root, namespace), 'shop', labels, 80), 'STRICT');
    assert.equal(mtlsModeFor(meshOf(root, namespace), 'bank', labels, 80), 'DISABLE');
    const all = meshOf(root, namespace, workload);
    assert.equal(mtlsModeFor(all, 'shop', labels, 80), 'DISABLE');
    assert.equal(mtlsModeFor(all, 'shop', labels, 81), 'PERMISSIVE');
    assert.equal(mtlsModeFor(all, 'shop', labels, 82), 'PERMISSIVE');
    assert.equal(mtlsModeFor(all, 'shop', labels), 'PERMISSIVE');
    assert.equal(mtlsModeFor(all, 'shop', { app: 'orders' }, 80), 'STRICT');
  });

  test('UNSET inherits', () => {
    const mesh = meshOf(
      policy('istio-system', mode('STRICT')),
      policy('shop', mode('UNSET')),
      policy('shop', { selector, ...mode('UNSET') }, 'catalog'),
    );
    assert.equal(mtlsModeFor(mesh, 'shop', labels, 80), 'STRICT');
  });

  test('of several at one level the oldest applies', () => {
    const old = policy('shop', mode('STRICT'), 'z', '2025-01-01T00:00:00Z');
    const young = policy('shop', mode('DISABLE'), 'a', '2026-01-01T00:00:00Z');
    assert.equal(mtlsModeFor(meshOf(young, old), 'shop', labels, 80), 'STRICT');
  });

  test('a selector in the root namespace selects nothing, as in Istio', () => {
    assert.equal(
      mtlsModeFor(meshOf(policy('istio-system', { selector, ...mode('STRICT') })), 'shop', labels, 80),
      'PERMISSIVE',
    );
  });
});
