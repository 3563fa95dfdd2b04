import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import { loadMesh } from './load.ts';

const manifests = (folder: string): { path: string; text: string }[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ya?ml|json)$/.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));

/** Mistakes that no sample may have: a file or an object that cannot be read. */
const UNREADABLE = ['WEFT0001', 'WEFT0002', 'WEFT0003', 'WEFT0004', 'WEFT0005', 'WEFT0006'];

/** A chart’s own file; and one that Istio keeps because it is invalid. Templates are not YAML before they are rendered. */
const NOT_MANIFESTS = new Set(['Chart.yaml', 'missing-gateway.yaml']);

describe('configuration that people have', { skip: needs('shared') }, () => {
  test('each seed loads by itself; what is not implemented is said', () => {
    for (const file of manifests(join(sharedDir, 'seed-config'))) {
      const { diagnostics } = loadMesh([file]);
      assert.deepEqual(
        diagnostics.filter((d) => UNREADABLE.includes(d.code)),
        [],
        file.path,
      );
    }
  });

  test('all seeds together: each later kind has its line, and no rule is lost but the duplicates', () => {
    const { diagnostics, mesh } = loadMesh(manifests(join(sharedDir, 'seed-config')));
    const kindsSaid = new Set(diagnostics.filter((d) => d.code === 'WEFT0008').map((d) => d.kind));
    const later = [
      'Gateway',
      'EnvoyFilter',
      'TrafficSplit',
      'ServiceProfile',
      'Server',
      'ServerAuthorization',
      'IstioOperator',
      'Telemetry',
      'Canary',
    ];
    for (const kind of later) assert.ok(kindsSaid.has(kind), kind);
    assert.equal(diagnostics.filter((d) => d.code === 'WEFT0010').length, 1); // ServiceMonitor
    assert.deepEqual(
      mesh.virtualServices.map((v) => v.name),
      ['order-service', 'user-service'],
    );
    assert.deepEqual(
      mesh.destinationRules.map((v) => v.name),
      ['order-service', 'user-service'],
    );
    assert.equal(mesh.peerAuthentications.length, 4);
    assert.deepEqual(
      mesh.authorizationPolicies.map((v) => v.name),
      ['deny-all', 'user-service-policy'],
    );
    assert.deepEqual(
      mesh.denied.map((d) => d.kind),
      ['Server'],
    );
  });

  test('Istio’s samples load without an error of their own', (t) => {
    const counts = new Map<string, number>();
    let files = 0;
    for (const file of manifests(join(sharedDir, 'suites/istio-samples'))) {
      if (file.text.includes('{{') || NOT_MANIFESTS.has(basename(file.path))) continue;
      files++;
      const { diagnostics } = loadMesh([file]);
      assert.deepEqual(
        diagnostics.filter((d) => d.level === 'error' && UNREADABLE.includes(d.code)),
        [],
        file.path,
      );
      for (const d of diagnostics.filter((d) => ['WEFT0008', 'WEFT0009', 'WEFT0010'].includes(d.code)))
        counts.set(`${d.code} ${d.kind}`, (counts.get(`${d.code} ${d.kind}`) ?? 0) + 1);
    }
    assert.ok(files > 80, `${files} files`);
    for (const [what, count] of [...counts].sort()) t.diagnostic(`${what}: ${count}`);
  });
});
