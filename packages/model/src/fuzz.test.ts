import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { recallLastGood, storedObject } from './last-good.ts';
import { loadMesh } from './load.ts';

const seed = `apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: catalog, namespace: shop}
spec:
  hosts: [catalog, "*.example.com"]
  http:
  - match: [{uri: {prefix: /a}, headers: {x-a: {exact: "1"}}}]
    route: [{destination: {host: catalog, subset: v1, port: {number: 80}}, weight: 90}]
    retries: {attempts: 2, perTryTimeout: 1s, retryOn: 5xx}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: &m {name: catalog, namespace: shop}
spec:
  selector: {matchLabels: {app: catalog}}
  rules: [{from: [{source: {principals: ["*"]}}], to: [{operation: {paths: [/a], ports: ["80"]}}], when: [{key: source.ip, values: [10.0.0.1]}]}]
`;

const junk = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    '- ',
    '&a ',
    '*a',
    '*m',
    '!!map',
    '<<: *m',
    '|',
    '>',
    '"',
    "'",
    '\t',
    '\n',
    '\n---\n',
    '? ',
    '%',
    '@',
    '#',
    '\u0000',
    '\uFEFF',
    '💥',
  ),
  fc.string({ maxLength: 8 }),
);

/** The seed with pieces cut out and junk put in. */
const mutated = fc
  .array(fc.record({ at: fc.nat(seed.length), cut: fc.nat(30), put: junk }), { minLength: 1, maxLength: 6 })
  .map((edits) => edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), seed));

/** Well-formed YAML whose values have wrong types in any place. */
const wrongTypes = fc
  .record({ path: fc.array(fc.nat(5), { maxLength: 8 }), value: fc.jsonValue() })
  .map(({ path, value }) => {
    const documents = seed.split('---\n').map((text) => JSON.parse(JSON.stringify(yaml(text))) as unknown);
    let at = documents as unknown;
    for (const step of path) {
      const keys = Object.keys(at as object);
      const key = keys[step % Math.max(keys.length, 1)];
      const next = key === undefined ? undefined : (at as Record<string, unknown>)[key];
      if (typeof next !== 'object' || next === null) {
        if (key !== undefined) (at as Record<string, unknown>)[key] = value;
        break;
      }
      at = next;
    }
    return documents.map((d) => JSON.stringify(d)).join('\n---\n');
  });

const yaml = (text: string): unknown => loadedManifest.get(text);
const loadedManifest = new Map<string, unknown>();
for (const text of seed.split('---\n')) {
  const { memory } = loadMesh([{ path: 'a.yaml', text }]);
  for (const { object } of memory.readings.values()) loadedManifest.set(text, object.manifest);
}

/** What of a mesh is kept on disk. */
const stored = ({ lastGood }: ReturnType<typeof loadMesh>): string =>
  JSON.stringify([...lastGood.objects.values()].map(storedObject));

const sound = (text: string, path = 'a.yaml'): void => {
  const before = loadMesh([{ path: 'a.yaml', text: seed }]);
  for (const previous of [undefined, before]) {
    const result = loadMesh([{ path, text }], previous);
    for (const d of result.diagnostics) {
      assert.ok(d.line >= 1 && d.column >= 1, JSON.stringify(d));
      assert.ok(d.message.length > 0);
    }
    const restored = recallLastGood(JSON.parse(stored(result)) as unknown[]);
    assert.deepEqual([...restored.objects.keys()], [...result.lastGood.objects.keys()]);
    // Security never fails open: a broken file that has a policy leaves it in force or denies.
    const broken = result.diagnostics.some((d) => d.code === 'WEFT0001');
    const closed = result.mesh.authorizationPolicies.length + result.mesh.denied.length > 0;
    if (broken && (/(^|\n)kind: AuthorizationPolicy\n/.test(text) || (previous && path === 'a.yaml')))
      assert.ok(closed, text);
  }
};

describe('whatever a file holds', () => {
  test('mutated YAML gives diagnostics, never an exception', () => {
    fc.assert(
      fc.property(mutated, (text) => sound(text)),
      { numRuns: 600 },
    );
  });

  test('mutated YAML in a file that calls itself JSON', () => {
    fc.assert(
      fc.property(mutated, (text) => sound(text, 'a.json')),
      { numRuns: 200 },
    );
  });

  test('values of wrong types in any place', () => {
    fc.assert(
      fc.property(wrongTypes, (text) => sound(text)),
      { numRuns: 600 },
    );
  });

  test('aliases that multiply are refused, and quickly', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++) {
      const [name, last] = [String.fromCharCode(97 + i), String.fromCharCode(96 + i)];
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${last}`).join(', ')}]`);
    }
    const { diagnostics } = loadMesh([{ path: 'a.yaml', text: bomb.join('\n') }]);
    assert.deepEqual(
      diagnostics.map((d) => d.code),
      ['WEFT0001'],
    );
  });

  test('an anchor that contains itself', () => {
    sound('apiVersion: v1\nkind: Service\nmetadata: &m\n  name: a\n  labels: *m\n');
    sound('apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: &s\n  http: [*s]\n');
  });

  test('deep nesting', () => {
    sound('['.repeat(5000));
    sound(`apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: ${'{a: '.repeat(2000)}1${'}'.repeat(2000)}`);
  });

  test('names of JavaScript’s own', () => {
    sound(
      'apiVersion: __proto__/v1\nkind: constructor\nmetadata: {name: __proto__, labels: {__proto__: a}}\nspec: {toString: 1}',
    );
    sound('apiVersion: networking.istio.io/v1\nkind: toString\nmetadata: {name: a}');
    sound(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {constructor: 1, hasOwnProperty: 2}',
    );
  });
});
