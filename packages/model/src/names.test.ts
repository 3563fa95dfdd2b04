import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { hostCovers, resolveHost } from './host.ts';
import { hostProblem, isIpBlock } from './kinds/host-name.ts';
import { nearest } from './nearest.ts';
import { protocolOf } from './protocol.ts';
import { regexProblem } from './regex-problem.ts';
import { splitWords } from './word-split.ts';

describe('hosts', () => {
  test('a name without a dot is of the object’s namespace, every other stands for itself', () => {
    const mesh = { domainSuffix: 'cluster.local' };
    assert.equal(resolveHost('a', 'shop', mesh), 'a.shop.svc.cluster.local');
    assert.equal(resolveHost('a.b', 'shop', mesh), 'a.b');
    assert.equal(resolveHost('*', 'shop', mesh), '*');
  });

  test('a wildcard covers longer names and narrower wildcards, never the bare domain', () => {
    assert.ok(hostCovers('*', 'a'));
    assert.ok(hostCovers('*.com', 'a.b.com'));
    assert.ok(hostCovers('*.com', '*.b.com'));
    assert.ok(!hostCovers('*.b.com', '*.com'));
    assert.ok(!hostCovers('*.com', '.com'.slice(1)));
    assert.ok(!hostCovers('a.com', 'b.com'));
  });

  test('what a host may be', () => {
    for (const good of ['a', 'a.b', '*', '*.a.b', '*-b.a.com', '10.0.0.1', '::1', '_a.b_c', 'outbound_.80_._.a.b'])
      assert.equal(hostProblem(good), undefined, good);
    for (const bad of ['', 'a..b', 'a!', 'a.*.b', '-a', 'a-', 'a'.repeat(256), 'a b']) assert.ok(hostProblem(bad), bad);
  });

  test('addresses and blocks', () => {
    for (const good of ['1.2.3.4', '10.0.0.0/8', '::/0', 'fe80::1/64', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8'])
      assert.ok(isIpBlock(good), good);
    for (const bad of [
      '',
      '1.2.3',
      '256.1.1.1',
      '10.0.0.0/33',
      '1.2.3.4/',
      ':::',
      '1:2',
      '::1::2',
      '1.2.3.4/8/8',
      'a.b.c.d',
    ])
      assert.ok(!isIpBlock(bad), bad);
  });
});

describe('the nearest known name', () => {
  const known = ['route', 'retries', 'redirect', 'rewrite', 'headers'];
  test('is one that differs by little', () => {
    assert.equal(nearest('rout', known), 'route');
    assert.equal(nearest('retires', known), 'retries');
    assert.equal(nearest('Headers', known), 'headers');
    assert.equal(nearest('frobnicate', known), undefined);
  });
});

describe('the protocol of a port', () => {
  const of = (name: string, more: object = {}): string => protocolOf({ name, port: 80, ...more });
  test('comes from appProtocol, then from the name’s prefix', () => {
    assert.equal(of('http'), 'http');
    assert.equal(of('http-web'), 'http');
    assert.equal(of('HTTP2-a'), 'http2');
    assert.equal(of('grpc-web-a'), 'grpc-web');
    assert.equal(of('grpc-a'), 'grpc');
    assert.equal(of('tcp', { appProtocol: 'http' }), 'http');
    assert.equal(of('', { appProtocol: 'kubernetes.io/h2c' }), 'http2');
    assert.equal(of('http', { transport: 'UDP' }), 'udp');
  });
  test('is detected where neither says, except for servers that speak first', () => {
    assert.equal(of('web'), 'auto');
    assert.equal(of('constructor'), 'auto');
    assert.equal(of('db', { port: 3306 }), 'tcp');
  });
});

describe('the words of a command', () => {
  test('quotes hold blanks together', () => {
    assert.deepEqual(splitWords(`node  'a b' "c \\"d\\"" e\\ f ''`), ['node', 'a b', 'c "d"', 'e f', '']);
    assert.equal(splitWords(`node 'a`), undefined);
    assert.deepEqual(splitWords('  '), []);
  });
  test('words written in single quotes come back as they were', () => {
    const word = fc.string().map((w) => w.replaceAll("'", ''));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        assert.deepEqual(splitWords(words.map((w) => `'${w}'`).join(' ')), words);
      }),
    );
  });
});

describe('regular expressions', () => {
  test('RE2’s pass, with spellings that JavaScript lacks', () => {
    for (const good of [
      '/a.*',
      '(?i)abc',
      '(?P<name>a)',
      '[[:alpha:]]+',
      '\\Qa(b\\E',
      'a\\\\1',
      '^/v[0-9]+$',
      '\\pL',
      '(?i:a)b',
    ])
      assert.equal(regexProblem(good), undefined, good);
  });
  test('look-around, back references and what does not parse are refused', () => {
    for (const bad of ['a(?=b)', 'a(?!b)', '(?<=a)b', '(a)\\1', 'a(b', '[a', '*a']) assert.ok(regexProblem(bad), bad);
  });
});
