import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type LoadResult, loadMesh, loadObjects } from './load.ts';
import type { Mesh } from './mesh.ts';

const NAMES = ['a', 'b', 'c'];
const NAMESPACES = ['default', 'shop', 'istio-system'];
const name = fc.constantFrom(...NAMES);
const namespace = fc.constantFrom(...NAMESPACES);
const host = fc.constantFrom(
  'a',
  'b',
  'a.default.svc.cluster.local',
  'b.shop.svc.cluster.local',
  '*.shop.svc.cluster.local',
);
const weight = fc.integer({ min: 0, max: 100 });

const head = (apiVersion: string, kind: string, namespace_: string, name_: string, more = ''): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name_}, namespace: ${namespace_}${more}}\n`;

/** Objects of every kind that the mesh knows, that name each other, some of them wrong. */
const manifest = fc.oneof(
  fc
    .tuple(namespace, name, name, fc.constantFrom('', ', annotations: {networking.istio.io/exportTo: "."}'))
    .map(
      ([ns, n, app, more]) =>
        `${head('v1', 'Service', ns, n, more)}spec: {selector: {app: ${app}}, ports: [{name: http, port: 80}]}\n`,
    ),
  fc
    .tuple(namespace, name, name, fc.constantFrom('v1', 'v2'))
    .map(
      ([ns, n, app, version]) =>
        `${head('v1', 'Pod', ns, `${n}-${version}`, `, labels: {app: ${app}, version: ${version}}`)}spec: {containers: [{name: x}]}\nstatus: {podIP: 10.0.0.1}\n`,
    ),
  fc
    .tuple(namespace, name, name)
    .map(
      ([ns, n, app]) =>
        `${head('apps/v1', 'Deployment', ns, n)}spec:\n  selector: {matchLabels: {app: ${app}}}\n  template: {metadata: {labels: {app: ${app}}}, spec: {containers: [{name: x}]}}\n`,
    ),
  fc
    .tuple(namespace, name, host, host, weight)
    .map(([ns, n, h, to, w]) =>
      `${head('networking.istio.io/v1', 'VirtualService', ns, n)}spec:\n  hosts: [${h}]\n  http:\n  - route:\n    - {destination: {host: "${to}", subset: v1}, weight: ${w}}\n    - {destination: {host: a}, weight: ${100 - w}}\n`
        .replace('[*', '["*')
        .replace('local]', 'local"]')
        .replace('hosts: [b.', 'hosts: ["b.')
        .replace('hosts: [a.', 'hosts: ["a.'),
    ),
  fc
    .tuple(namespace, name, name)
    .map(
      ([ns, n, d]) =>
        `${head('networking.istio.io/v1', 'VirtualService', ns, n)}spec:\n  hosts: [a]\n  http:\n  - {match: [{uri: {prefix: /x}}], delegate: {name: ${d}}}\n  - route: [{destination: {host: b}}]\n`,
    ),
  fc
    .tuple(namespace, name)
    .map(
      ([ns, n]) =>
        `${head('networking.istio.io/v1', 'VirtualService', ns, n)}spec:\n  http:\n  - route: [{destination: {host: b}}]\n`,
    ),
  fc
    .tuple(namespace, name, host, fc.constantFrom('v1', 'v2'))
    .map(
      ([ns, n, h, version]) =>
        `${head('networking.istio.io/v1', 'DestinationRule', ns, n)}spec: {host: "${h}", subsets: [{name: ${version}, labels: {version: ${version}}}]}\n`,
    ),
  fc
    .tuple(namespace, name, fc.constantFrom('', 'selector: {matchLabels: {app: a}}, '), namespace)
    .map(
      ([ns, n, selector, from]) =>
        `${head('security.istio.io/v1', 'AuthorizationPolicy', ns, n)}spec: {${selector}rules: [{from: [{source: {namespaces: [${from}]}}]}]}\n`,
    ),
  fc
    .tuple(namespace, name)
    .map(
      ([ns, n]) =>
        `${head('security.istio.io/v1', 'PeerAuthentication', ns, n)}spec: {selector: {matchLabels: {app: b}}, mtls: {mode: STRICT}}\n`,
    ),
  namespace.map((ns) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${ns}, labels: {x: "y"}}\n`),
  // Mistakes: of syntax, of fields, of kinds, of security objects, and what is no object at all.
  fc.constantFrom(
    'a: [',
    'just text',
    '# a comment',
    'kind: Service',
    'apiVersion: v1\nkind: Sevice\nmetadata: {name: a}\n',
    `${head('networking.istio.io/v1', 'VirtualService', 'default', 'a')}spec: {hots: [a]}\n`,
    `${head('security.istio.io/v1', 'AuthorizationPolicy', 'shop', 'a')}spec: {rulez: []}\n`,
    head('example.com/v1', 'Foreign', 'shop', 'a'),
  ),
);

const file = fc.array(manifest, { maxLength: 6 }).map((documents) => documents.join('---\n'));
const edit = fc.tuple(fc.constantFrom('a.yaml', 'b.yaml', 'c.yaml'), fc.option(file, { nil: undefined, freq: 8 }));

const plain = (mesh: Mesh): unknown =>
  Object.fromEntries(
    Object.entries(mesh).map(([key, value]) => [
      key,
      value instanceof Object && 'entries' in value && !Array.isArray(value)
        ? [...(value as Map<string, unknown>)]
        : value,
    ]),
  );

/** What there is to say, in an order that does not depend on the order of equals. */
const said = (result: LoadResult): string[] => result.diagnostics.map((d) => JSON.stringify(d)).sort();

test('a load that takes over from the one before says what a load from nothing says', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 2, maxLength: 12 }), (edits) => {
      const files = new Map<string, string>();
      let before: LoadResult | undefined;
      for (const [path, text] of edits) {
        if (text === undefined) files.delete(path);
        else files.set(path, text);
        const texts = [...files].map(([p, t]) => ({ path: p, text: t }));
        const after = loadMesh(texts, before);
        const anew = loadMesh(texts, undefined, before && { lastGood: { objects: new Map(before.lastGood.objects) } });
        assert.deepEqual(plain(after.mesh), plain(anew.mesh));
        assert.deepEqual(said(after), said(anew));
        assert.deepEqual([...after.lastGood.objects.keys()], [...anew.lastGood.objects.keys()]);
        if (before) assert.equal(loadMesh(texts, after).mesh, after.mesh, 'nothing changed');
        before = after;
      }
    }),
    { numRuns: 100 },
  );
});

test('objects of an API make the mesh that files of them make', () => {
  const object = (kind: string, name_: string, spec: object): Record<string, unknown> => ({
    apiVersion: kind === 'Service' ? 'v1' : 'networking.istio.io/v1',
    kind,
    metadata: { name: name_, namespace: 'default' },
    spec,
  });
  const service = object('Service', 'a', { selector: { app: 'a' }, ports: [{ name: 'http', port: 80 }] });
  const rule = object('VirtualService', 'a', { hosts: ['a'], http: [{ route: [{ destination: { host: 'b' } }] }] });
  const first = loadObjects([service, rule].map((manifest_) => ({ kind: 'put', manifest: manifest_ })));
  assert.deepEqual(
    plain(first.mesh),
    plain(loadMesh([{ path: 'a.yaml', text: [service, rule].map((o) => JSON.stringify(o)).join('\n---\n') }]).mesh),
  );
  assert.deepEqual(
    first.diagnostics.map((d) => `${d.file} ${d.code}`),
    ['api:Service/default/a WEFT0107', 'api:VirtualService/default/a WEFT0101'],
  );
  const second = loadObjects([{ kind: 'gone', manifest: rule }], first);
  assert.deepEqual(second.mesh.virtualServices, []);
  assert.equal(
    second.mesh.services.get('a.default.svc.cluster.local'),
    first.mesh.services.get('a.default.svc.cluster.local'),
  );
});
