import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { compileRegex, RegexRewrite } from './regex.ts';
import { parseSimplePattern } from './simple-pattern.ts';

test('a pattern must match the whole value', () => {
  assert.equal(compileRegex('b').matches('abc'), false);
  assert.equal(compileRegex('.*b.*').matches('abc'), true);
  assert.equal(compileRegex('a|b').matches('ab'), false);
  assert.equal(compileRegex('(?i)ABC').matches('abc'), true);
});

test('a pattern that RE2 refuses is refused', () => {
  for (const bad of ['(', 'a**', '(?=a)', '[z-a]', '\\1', '*a']) {
    assert.throws(() => compileRegex(bad), bad);
  }
});

test('patterns as people write them need no RE2', () => {
  for (const pattern of [
    '/users/[^/]+/posts/\\d+',
    '^/api/v[12]/.*$',
    'v?\\d+\\.\\d+',
    '[a-z0-9-]+\\.example\\.com',
    '.*',
    '.+',
  ]) {
    assert.ok(parseSimplePattern(pattern), pattern);
  }
});

test('patterns that could backtrack badly, and those with groups, flags or counts, are left to RE2', () => {
  for (const pattern of [
    '.*a.*b',
    '(a+)+',
    'a{1,5}',
    '(?i)a',
    '\\w*\\d*x',
    '[[:alpha:]]+',
    'a.*[^b]*c',
    'a*?',
    '\\bx',
  ]) {
    assert.equal(parseSimplePattern(pattern), null, pattern);
  }
});

test('whatever way a pattern is compiled, it matches what RE2 matches', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '/',
    '.',
    '\\.',
    '\\d',
    '\\w',
    '[ab]',
    '[^/]',
    '[a-c1]',
    '1',
    '-',
    '[^a]',
    '[\\w-]',
  );
  const repeat = fc.constantFrom('', '', '', '*', '+', '?');
  const sequence = fc.array(fc.tuple(atom, repeat), { maxLength: 6 }).map((parts) => parts.flat().join(''));
  const pattern = fc.oneof(
    sequence,
    sequence.map((s) => `^${s}$`),
    fc.array(fc.constantFrom('a', 'ab', 'b1', '/'), { minLength: 1, maxLength: 3 }).map((s) => s.join('|')),
    fc.tuple(sequence, sequence).map(([a, b]) => `(${a}|${b})`),
    fc.constantFrom('a', 'ab/', '').map((s) => `.*${s}.*`),
  );
  const value = fc
    .array(fc.constantFrom('a', 'b', '/', '.', '1', '-', 'é', 'c', '_'), { maxLength: 8 })
    .map((s) => s.join(''));
  fc.assert(
    fc.property(pattern, fc.array(value, { minLength: 1, maxLength: 5 }), (p, values) => {
      const ours = compileRegex(p);
      const theirs = RE2JS.compile(p);
      for (const v of values) assert.equal(ours.matches(v), theirs.matches(v), `${p} on ${JSON.stringify(v)}`);
    }),
    { numRuns: 2000 },
  );
});

test('a simple pattern takes time in proportion to the value', () => {
  const value = 'a'.repeat(200_000);
  for (const pattern of ['[a-z]*b', '.*a', '.*[ab]c', 'a+', '(a|aa)+b']) {
    const start = performance.now();
    compileRegex(pattern).matches(value);
    assert.ok(performance.now() - start < 2000, pattern);
  }
});

test('every match is rewritten, with groups', () => {
  assert.equal(new RegexRewrite('/(\\w+)/v(\\d)', '/v\\2/\\1').rewrite('/api/v1/x'), '/v1/api/x');
  assert.equal(new RegexRewrite('a', 'b').rewrite('aXa'), 'bXb');
  assert.equal(new RegexRewrite('^/x', '\\\\\\0').rewrite('/x/x'), '\\/x/x');
  assert.equal(new RegexRewrite('(a)|(b)', '<\\1\\2>').rewrite('ab'), '<a><b>');
  assert.throws(() => new RegexRewrite('a', '\\1'));
  assert.throws(() => new RegexRewrite('a', '\\n'));
});
