import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { httpRules } from './delegation.ts';
import { type LoadResult, loadMesh } from './load.ts';

const destination = (host: string): object[] => [{ destination: { host } }];

const rule = (name: string, namespace: string, spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, namespace },
  spec,
});

const load = (items: object[], previous?: LoadResult): LoadResult =>
  loadMesh([{ path: 'a.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) }], previous);

/** The rules of VirtualService shop/root, each with the object it is written in. */
const rulesOf = ({ mesh }: LoadResult) => {
  const root = mesh.virtualServices.find((v) => v.name === 'root') ?? assert.fail();
  return httpRules(mesh, root);
};

const said = ({ diagnostics }: LoadResult): string[] =>
  diagnostics.filter((d) => ['WEFT0112', 'WEFT0113'].includes(d.code)).map((d) => `${d.code} ${d.name} ${d.message}`);

const root = (http: object[]): object => rule('root', 'shop', { hosts: ['catalog'], http });

describe('a VirtualService that delegates', () => {
  test('has its delegate’s rules in the place of its own, and its own where it does not delegate', () => {
    const loaded = load([
      root([
        { name: 'books', match: [{ uri: { prefix: '/books' } }], delegate: { name: 'books', namespace: 'team' } },
        { route: destination('catalog') },
      ]),
      rule('books', 'team', {
        http: [
          { name: 'new', match: [{ uri: { prefix: '/books/new' } }], route: destination('new') },
          { route: destination('old') },
        ],
      }),
    ]);
    const rules = rulesOf(loaded);
    assert.deepEqual(
      rules.map(({ rule: r, of, index }) => [
        r.name,
        r.match?.[0]?.uri?.prefix,
        r.route?.[0]?.destination.host,
        of.name,
        index,
      ]),
      [
        ['books-new', '/books/new', 'new', 'books', 0],
        ['books', '/books', 'old', 'books', 1],
        [undefined, undefined, 'catalog', 'root', 1],
      ],
    );
    assert.equal(rules[0]?.of.namespace, 'team');
    assert.deepEqual(said(loaded), []);
  });

  test('gives what the delegate does not say: timeout, retries, faults, headers', () => {
    const loaded = load([
      root([
        {
          timeout: '1s',
          fault: { abort: { httpStatus: 500 } },
          headers: { request: { set: { a: '1' } } },
          delegate: { name: 'b' },
        },
      ]),
      rule('b', 'shop', { http: [{ timeout: '2s', route: destination('b') }] }),
    ]);
    const [first] = rulesOf(loaded);
    assert.equal(first?.rule.timeout, '2s');
    assert.equal(first?.rule.fault?.abort?.httpStatus, 500);
    assert.deepEqual(first?.rule.headers, { request: { set: { a: '1' } } });
    assert.equal(first?.rule.delegate, undefined);
  });

  test('each pair of matches that fit is one, with the conditions of both', () => {
    const loaded = load([
      root([
        {
          match: [
            { uri: { prefix: '/a' }, headers: { x: { exact: '1' } } },
            { uri: { prefix: '/b' }, sourceLabels: { app: 'load' } },
          ],
          delegate: { name: 'b' },
        },
      ]),
      rule('b', 'shop', {
        http: [
          {
            match: [{ uri: { exact: '/a/1' }, method: { exact: 'GET' } }, { headers: { y: { exact: '2' } } }],
            route: destination('b'),
          },
        ],
      }),
    ]);
    assert.deepEqual(rulesOf(loaded)[0]?.rule.match, [
      { uri: { exact: '/a/1' }, method: { exact: 'GET' }, headers: { x: { exact: '1' } } },
      { uri: { prefix: '/a' }, headers: { x: { exact: '1' }, y: { exact: '2' } } },
      { uri: { prefix: '/b' }, headers: { y: { exact: '2' } }, sourceLabels: { app: 'load' } },
    ]);
  });

  test('a delegate’s rule that matches more than the root’s is left out, and said', () => {
    const wider = [
      [{ uri: { prefix: '/a/b' } }, { uri: { prefix: '/a' } }],
      [{ uri: { exact: '/a' } }, { uri: { prefix: '/a' } }],
      [{ uri: { exact: '/a' } }, { uri: { exact: '/b' } }],
      [{ uri: { prefix: '/a' } }, { uri: { regex: '/a/.*' } }],
      [{ port: 80 }, { port: 81 }],
      [{ headers: { x: { exact: '1' } } }, { headers: { x: { exact: '2' } } }],
      [{ uri: { prefix: '/a' } }, { uri: { prefix: '/a/b' }, ignoreUriCase: true }],
      [{ sourceLabels: { app: 'a' } }, { sourceLabels: { app: 'b' } }],
    ];
    for (const [ofRoot, ofDelegate] of wider) {
      const loaded = load([
        root([{ match: [ofRoot], delegate: { name: 'b' } }]),
        rule('b', 'shop', { http: [{ match: [ofDelegate], route: destination('b') }, { route: destination('c') }] }),
      ]);
      const text = JSON.stringify([ofRoot, ofDelegate]);
      assert.deepEqual(
        rulesOf(loaded).map(({ index }) => index),
        [1],
        text,
      );
      assert.match(
        said(loaded).join(),
        /^WEFT0113 b spec\.http\[0\]\.match is wider than spec\.http\[0\]\.match of VirtualService shop\/root/,
        text,
      );
    }
  });

  test('a delegate that is not there, not seen, or has hosts leaves its rule out, and is said', () => {
    const cases: [object[], RegExp][] = [
      [[], /WEFT0112 root spec\.http\[0\]\.delegate is shop\/books, and there is no such VirtualService/],
      [[rule('book', 'shop', { http: [{ route: destination('b') }] })], /no such VirtualService/],
      [[rule('books', 'shop', { hosts: ['x'], http: [{ route: destination('b') }] })], /which has hosts of its own/],
      [
        [rule('books', 'shop', { exportTo: ['bank'], http: [{ route: destination('b') }] })],
        /which namespace shop does not see/,
      ],
    ];
    for (const [others, message] of cases) {
      const loaded = load([root([{ delegate: { name: 'books' } }, { route: destination('catalog') }]), ...others]);
      assert.deepEqual(
        rulesOf(loaded).map(({ index }) => index),
        [1],
      );
      assert.match(said(loaded).join(), message);
    }
  });

  test('one level only: a delegate that delegates is refused', () => {
    const loaded = load([
      root([{ delegate: { name: 'b' } }]),
      rule('b', 'shop', { http: [{ delegate: { name: 'c' } }] }),
    ]);
    assert.match(
      loaded.diagnostics.map((d) => d.message).join('\n'),
      /spec\.http\[0\]\.delegate is not allowed without hosts: a delegate does not delegate again/,
    );
    assert.deepEqual(rulesOf(loaded), []);
  });

  test('the rules are the same array while root and delegates are, and others when a delegate changes', () => {
    const items = (host: string): object[] => [
      root([{ delegate: { name: 'b' } }]),
      rule('b', 'shop', { http: [{ route: destination(host) }] }),
    ];
    const first = load(items('b'));
    const same = load([...items('b'), rule('c', 'shop', { hosts: ['c'], http: [{ route: destination('c') }] })], first);
    assert.equal(rulesOf(same), rulesOf(first));
    const changed = load(items('other'), same);
    assert.notEqual(rulesOf(changed), rulesOf(first));
    assert.equal(rulesOf(changed)[0]?.rule.route?.[0]?.destination.host, 'other');
  });
});
