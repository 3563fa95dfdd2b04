import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualHosts, withoutPort } from './virtual-hosts.ts';

const table = (domains: readonly string[], ignorePort = false): VirtualHosts<string> => {
  const hosts = new VirtualHosts<string>(ignorePort);
  for (const domain of domains) hosts.add(domain, domain);
  return hosts;
};

test('exact, then the longest suffix, then the longest prefix, then any', () => {
  const hosts = table(['*', 'a.b.com', '*.b.com', '*.com', '*-x.b.com', 'a.*', 'a.b.*']);
  assert.equal(hosts.find('a.b.com'), 'a.b.com');
  assert.equal(hosts.find('c.b.com'), '*.b.com');
  assert.equal(hosts.find('c-x.b.com'), '*-x.b.com');
  assert.equal(hosts.find('b.com'), '*.com');
  assert.equal(hosts.find('a.b.org'), 'a.b.*');
  assert.equal(hosts.find('a.c.org'), 'a.*');
  assert.equal(hosts.find('z'), '*');
});

test('a wildcard stands for at least one character', () => {
  assert.equal(table(['*.b.com']).find('.b.com'), null);
  assert.equal(table(['a.*']).find('a.'), null);
});

test('domains are compared in lower case, with the port unless it is ignored', () => {
  assert.equal(table(['A.com:80']).find('a.com:80'), 'A.com:80');
  assert.equal(table(['a.com']).find('a.com:80'), null);
  assert.equal(table(['a.com'], true).find('a.com:80'), 'a.com');
  assert.equal(table(['[::1]'], true).find('[::1]:80'), '[::1]');
});

test('a port is digits after the last colon', () => {
  for (const [given, want] of [
    ['a:1', 'a'],
    ['a', 'a'],
    ['a:b', 'a:b'],
    ['[::1]', '[::1]'],
    ['[::1]:2', '[::1]'],
  ] as const) {
    assert.equal(withoutPort(given), want);
  }
});

test('a domain is taken once', () => {
  const hosts = new VirtualHosts<string>(false);
  for (const domain of ['*', 'a', '*.a', 'a.*']) {
    assert.equal(hosts.add(domain, 'first'), true);
    assert.equal(hosts.add(domain.toUpperCase(), 'second'), false);
  }
});

/** The rule as Envoy's documentation words it, without any index. */
const reference = (domains: readonly string[], host: string): string | null => {
  const longest = (candidates: string[]): string | undefined => candidates.sort((a, b) => b.length - a.length)[0];
  return (
    domains.find((d) => d === host) ??
    longest(
      domains.filter((d) => d.length > 1 && d.startsWith('*') && host.length >= d.length && host.endsWith(d.slice(1))),
    ) ??
    longest(
      domains.filter(
        (d) =>
          d.length > 1 &&
          d.endsWith('*') &&
          !d.startsWith('*') &&
          host.length >= d.length &&
          host.startsWith(d.slice(0, -1)),
      ),
    ) ??
    domains.find((d) => d === '*') ??
    null
  );
};

test('the index finds what a walk over all domains finds', () => {
  const label = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 5 }).map((s) => s.join(''));
  const domain = fc
    .tuple(fc.constantFrom('', '', '*'), label, fc.constantFrom('', '', '*'))
    .map(([p, l, s]) => (p && s ? `${p}${l}` : p + l + s));
  fc.assert(
    fc.property(fc.uniqueArray(domain, { maxLength: 12 }), fc.array(label, { maxLength: 6 }), (domains, hosts) => {
      const index = table(domains);
      for (const host of hosts)
        assert.equal(index.find(host), reference(domains, host), `${host} among ${domains.join()}`);
    }),
    { numRuns: 1000 },
  );
});
