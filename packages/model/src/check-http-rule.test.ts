import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadMesh } from './load.ts';

/** What is wrong with a rule to `reviews` that has these fields. */
const problems = (fields: object): string => {
  const manifest = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'reviews' },
    spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }], ...fields }] },
  };
  return loadMesh([{ path: 'a.json', text: JSON.stringify(manifest) }])
    .diagnostics.filter((d) => d.code !== 'WEFT0101')
    .map((d) => d.message)
    .join('\n');
};

describe('mistakes in', () => {
  test('faults', () => {
    assert.match(problems({ fault: {} }), /spec\.http\[0\]\.fault does nothing/);
    assert.match(problems({ fault: { delay: {} } }), /fault\.delay has no duration/);
    assert.match(
      problems({ fault: { delay: { fixedDelay: '1s', percent: 101 } } }),
      /percent is 101, must be between 0 and 100/,
    );
    assert.match(
      problems({ fault: { abort: { grpcStatus: 'UNAVALABLE' } } }),
      /grpcStatus is "UNAVALABLE", which is not a status of gRPC/,
    );
    assert.equal(
      problems({ fault: { delay: { fixedDelay: '1s', percent: 100 }, abort: { grpcStatus: 'UNAVAILABLE' } } }),
      '',
    );
  });

  test('copies', () => {
    const mirrors = [{ destination: { host: 'a' } }];
    assert.match(problems({ mirror: { host: 'a' }, mirrors }), /mirrors is not allowed beside mirror/);
    assert.match(problems({ mirror: { host: 'a' }, mirrorPercent: 101 }), /mirrorPercent is 101/);
    assert.match(
      problems({ mirrors: [{ destination: { host: '*' } }] }),
      /mirrors\[0\]\.destination\.host is "\*", which is no destination/,
    );
    assert.equal(problems({ mirrors: [...mirrors, ...mirrors] }), '');
  });

  test('CORS', () => {
    for (const origin of [{}, { regex: '' }, { prefix: '' }])
      assert.match(
        problems({ corsPolicy: { allowOrigins: [origin] } }),
        /allowOrigins\[0\] must say exact, prefix or regex/,
      );
    assert.match(
      problems({ corsPolicy: { allowOrigins: [{ regex: '(?=a)' }] } }),
      /allowOrigins\[0\]\.regex is "\(\?=a\)", which looks around/,
    );
    assert.match(
      problems({ corsPolicy: { allowMethods: ['get'] } }),
      /allowMethods\[0\] is "get", which is not an HTTP method/,
    );
    assert.match(problems({ corsPolicy: { exposeHeaders: ['a b'] } }), /exposeHeaders\[0\] is "a b"/);
    assert.match(problems({ corsPolicy: { maxAge: '1500ms' } }), /maxAge is 1500ms, must be whole seconds/);
    assert.equal(
      problems({ corsPolicy: { allowOrigins: [{ prefix: 'https://' }], allowMethods: ['*'], allowHeaders: ['*'] } }),
      '',
    );
  });

  test('rewrites by regular expression', () => {
    const rewrite = (match: string, to: string): string =>
      problems({ rewrite: { uriRegexRewrite: { match, rewrite: to } } });
    assert.match(rewrite('', '/'), /match is empty/);
    assert.match(rewrite('/(', '/'), /which is not a regular expression/);
    assert.match(rewrite('/(a)', '/\\2'), /where \\2 is neither a group that the expression has nor/);
    assert.match(rewrite('/(?:a)[(]\\(', '/\\1'), /where \\1/);
    assert.match(rewrite('/a', '/\\n'), /where \\n/);
    assert.equal(rewrite('/(a)/(?P<name>b)', '/\\2/\\1/\\0/\\\\'), '');
    const uriToo = problems({ rewrite: { uri: '/', uriRegexRewrite: { match: '/', rewrite: '/' } } });
    assert.match(uriToo, /uriRegexRewrite is not allowed beside uri/);
  });
});
