import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadMesh } from './load.ts';
import { type NotYet, notYet, pathKeys } from './not-yet.ts';

/** A valid object of each kind, into which an example is put. */
const bases: Record<string, () => Record<string, unknown>> = {
  VirtualService: () => ({
    apiVersion: 'networking.istio.io/v1',
    spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] },
  }),
  DestinationRule: () => ({ apiVersion: 'networking.istio.io/v1', spec: { host: 'reviews' } }),
  Sidecar: () => ({ apiVersion: 'networking.istio.io/v1', spec: {} }),
  AuthorizationPolicy: () => ({ apiVersion: 'security.istio.io/v1', spec: {} }),
  Service: () => ({ apiVersion: 'v1', spec: { ports: [{ port: 80 }] } }),
  Deployment: () => ({ apiVersion: 'apps/v1', spec: { template: { spec: { containers: [{ name: 'app' }] } } } }),
  Pod: () => ({ apiVersion: 'v1', spec: { containers: [{ name: 'app' }] } }),
};

/** What an item of a list needs besides the example. */
const required: Record<string, object> = {
  subsets: { name: 'v1' },
  portLevelSettings: { port: { number: 80 } },
  when: { values: ['a'] },
  env: { name: 'A' },
  egress: { hosts: ['./*'] },
  route: { destination: { host: 'reviews' } },
  tcp: { route: [{ destination: { host: 'reviews' } }] },
};

const put = (root: Record<string, unknown>, keys: readonly string[], example: unknown): void => {
  let at = root;
  keys.forEach((key, i) => {
    const last = i === keys.length - 1;
    if (keys[i + 1] === '[]') {
      const list = ((at[key] as unknown[] | undefined) ?? [{ ...required[key] }]) as Record<string, unknown>[];
      at[key] = i + 2 === keys.length ? [example] : list;
      at = list[0] as Record<string, unknown>;
    } else if (key !== '[]') {
      at[key] = last ? example : (at[key] ?? {});
      at = at[key] as Record<string, unknown>;
    }
  });
};

/** Fields without which the example would be refused for another reason. */
const companions = (manifest: Record<string, unknown>): void => {
  const spec = manifest.spec as Record<string, unknown>;
  if (spec.action === 'CUSTOM') spec.provider = { name: 'authorizer' };
};

const manifestOf = (entry: NotYet): Record<string, unknown> => {
  const manifest = { kind: entry.kind, metadata: { name: 'reviews' }, ...bases[entry.kind]?.() };
  put(
    manifest,
    pathKeys(entry.path).map((key) => (key === '*' ? 'x-a' : key)),
    structuredClone(entry.example),
  );
  companions(manifest);
  return manifest;
};

describe('what is understood and not implemented is said', () => {
  for (const entry of notYet)
    test(`${entry.kind} ${entry.path}: ${entry.what}`, () => {
      const text = JSON.stringify(manifestOf(entry), null, 1);
      const { diagnostics, mesh } = loadMesh([{ path: 'a.json', text }]);
      const said = diagnostics.filter((d) => d.code === 'WEFT0008');
      const message = said.find((d) => d.message.includes(entry.what));
      assert.ok(message, `${text}\n${JSON.stringify(diagnostics)}`);
      assert.equal(message.level, entry.effect === 'ignored' ? 'warning' : 'error');
      assert.deepEqual(
        diagnostics.filter((d) => ['WEFT0004', 'WEFT0005', 'WEFT0006'].includes(d.code)),
        [],
      );
      if (entry.kind === 'AuthorizationPolicy') {
        assert.equal(mesh.authorizationPolicies.length, entry.effect === 'condition' ? 1 : 0);
        assert.equal(mesh.denied.length, entry.effect === 'object' ? 1 : 0);
      }
    });

  test('what is implemented is not in the list', () => {
    const all = {
      kind: 'VirtualService',
      metadata: { name: 'reviews' },
      apiVersion: 'networking.istio.io/v1',
      spec: {
        hosts: ['reviews'],
        gateways: ['mesh'],
        exportTo: ['.'],
        http: [
          {
            name: 'a',
            match: [
              {
                uri: { prefix: '/a' },
                ignoreUriCase: true,
                scheme: { exact: 'http' },
                method: { regex: 'GET|PUT' },
                authority: { exact: 'a' },
                headers: { a: {} },
                withoutHeaders: { b: { exact: 'b' } },
                queryParams: { c: { exact: 'c' } },
                port: 80,
                sourceLabels: { a: 'b' },
                sourceNamespace: 'a',
              },
            ],
            route: [{ destination: { host: 'reviews' }, weight: 1, headers: { request: { set: { a: 'b' } } } }],
            timeout: '1s',
            retries: { attempts: 2, perTryTimeout: '1s', retryOn: '5xx' },
            rewrite: { uri: '/b', authority: 'b' },
            headers: { response: { add: { a: 'b' }, remove: ['c'] } },
            mirrors: [{ destination: { host: 'reviews' }, percentage: { value: 50 } }],
            fault: {
              delay: { fixedDelay: '1s', percentage: { value: 1 } },
              abort: { httpStatus: 418, percentage: { value: 1 } },
            },
            corsPolicy: {
              allowOrigins: [{ exact: 'https://example.com' }],
              allowMethods: ['GET'],
              allowHeaders: ['x-a'],
              exposeHeaders: ['x-b'],
              maxAge: '24h',
              allowCredentials: true,
              unmatchedPreflights: 'IGNORE',
            },
          },
          {
            match: [{ uri: { exact: '/x' } }],
            rewrite: { uriRegexRewrite: { match: '/(.*)', rewrite: '/\\1' } },
            mirror: { host: 'reviews' },
            mirrorPercentage: { value: 50 },
            route: [{ destination: { host: 'reviews' } }],
          },
          { match: [{ uri: { exact: '/r' } }], redirect: { uri: '/s', redirectCode: 302 } },
          { directResponse: { status: 404, body: { string: 'gone' } } },
        ],
      },
    };
    const { diagnostics } = loadMesh([{ path: 'a.json', text: JSON.stringify(all) }]);
    assert.deepEqual(
      diagnostics.filter((d) => d.code !== 'WEFT0101'),
      [],
    );
  });
});
