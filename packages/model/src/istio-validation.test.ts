import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needs, sharedDir } from '@weft/testkit/require';
import { parseAllDocuments } from 'yaml';
import { loadMesh } from './load.ts';

/**
 * Istio's own validation cases, as black boxes: one spec, accepted or refused. Accepted means no error but `notYet`.
 * What differs on purpose stands in docs/istio-differences.md.
 */
const KINDS: Record<string, string> = {
  VirtualService: 'networking.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
};

/** What is said of an object by itself; dangling hosts and unimplemented fields are not a matter of validity. */
const VALIDITY = new Set(['WEFT0001', 'WEFT0002', 'WEFT0003', 'WEFT0004', 'WEFT0005', 'WEFT0006', 'WEFT0106']);

const refusals = (manifest: unknown): string[] =>
  loadMesh([{ path: 'case.json', text: JSON.stringify(manifest) }])
    .diagnostics.filter((d) => d.level === 'error' && VALIDITY.has(d.code))
    .map((d) => d.message);

interface Case {
  readonly message: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: unknown;
  readonly valid: boolean;
  readonly error?: string;
  readonly annotations: Record<string, string> | null;
}

describe('Istio’s validation cases', { skip: needs('shared') }, () => {
  const suite = join(sharedDir, 'suites/istio-validation');

  test('we accept and refuse what Istio does, for the kinds of the mesh', (t) => {
    const cases = (JSON.parse(readFileSync(join(suite, 'cases.json'), 'utf8')) as Case[]).filter(
      (c) => (c.message.split('.').at(-1) as string) in KINDS,
    );
    const different: string[] = [];
    for (const c of cases) {
      const kind = c.message.split('.').at(-1) as string;
      const metadata = {
        name: c.name || 'name',
        namespace: c.namespace || 'default',
        ...(c.annotations && { annotations: c.annotations }),
      };
      const found = refusals({ apiVersion: KINDS[kind], kind, metadata, spec: c.spec });
      if (c.valid !== (found.length === 0))
        different.push(
          `${kind} ${JSON.stringify(c.spec)}: Istio says ${c.error ?? 'valid'}, we say ${found.join('; ') || 'valid'}`,
        );
    }
    t.diagnostic(`${cases.length - different.length} of ${cases.length}`);
    for (const line of different) t.diagnostic(line);
    assert.ok(cases.length >= 69, 'the suite has our cases');
    assert.ok(cases.length - different.length >= 69, different.join('\n'));
  });

  test('we accept and refuse the documents that Istio’s CRDs do, for the kinds of the mesh', (t) => {
    const folder = join(suite, 'testdata/crds');
    const different: string[] = [];
    let count = 0;
    for (const file of readdirSync(folder)) {
      for (const document of parseAllDocuments(readFileSync(join(folder, file), 'utf8'))) {
        const { _err: expected, ...manifest } = (document.toJS() ?? {}) as { _err?: string; kind?: string };
        if (!manifest.kind || !(manifest.kind in KINDS)) continue;
        count++;
        const found = refusals(manifest);
        if ((expected === undefined) !== (found.length === 0))
          different.push(`${file}: Istio says ${expected ?? 'valid'}, we say ${found.join('; ') || 'valid'}`);
      }
    }
    t.diagnostic(`${count - different.length} of ${count}`);
    assert.ok(count >= 14, 'the suite has our documents');
    assert.deepEqual(different, []);
  });
});
