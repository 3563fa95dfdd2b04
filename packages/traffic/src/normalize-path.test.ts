import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalizePath } from './normalize-path.ts';

const normal = (path: string): string | null => normalizePath(path, { mergeSlashes: false });

test('a normal path comes back as the very same string', () => {
  for (const path of ['/', '/a', '/a/b.c', '/a//b', '/a?x=/../y#%00'.slice(0, 10), '/a-b_c~d', '*'])
    assert.equal(normal(path), path);
});

test('dot segments are removed, encoded or not, and never climb above the root', () => {
  const cases: Record<string, string> = {
    '/a/./b': '/a/b',
    '/a/../b': '/b',
    '/a/b/..': '/a/',
    '/a/.': '/a/',
    '/..': '/',
    '/../../x': '/x',
    '/a/%2e%2E/b': '/b',
    '/a/.%2e/b': '/b',
    '/a//../b': '/a/b',
    '/.a/..b/c.': '/.a/..b/c.',
  };
  for (const [path, want] of Object.entries(cases)) assert.equal(normal(path), want, path);
});

test('backslashes are slashes', () => {
  assert.equal(normal('/a\\..\\b'), '/b');
  assert.equal(normal('/a\\b'), '/a/b');
});

test('unreserved characters are decoded, reserved ones stay encoded in their case', () => {
  assert.equal(normal('/%61%5f%7E'), '/a_~');
  assert.equal(normal('/a%2Fb%2fc'), '/a%2Fb%2fc');
  assert.equal(normal('/a%5cb'), '/a%5cb');
  assert.equal(normal('/100%'), '/100%');
  assert.equal(normal('/%zz'), '/%zz');
});

test('decoding never makes an escape that was not there', () => {
  assert.equal(normal('/%%32e%%32e/'), '/%252e%252e/');
  assert.equal(normal('/%%300'), '/%2500');
  assert.equal(normal('/%%30%30'), '/%2500');
  assert.equal(normal('/%4%31'), '/%2541');
  assert.equal(normal('/%%41z'), '/%Az');
});

test('what may not stand in a path is encoded', () => {
  assert.equal(normal('/a b"<>^`{|}'), '/a%20b%22%3C%3E%5E%60%7B%7C%7D');
  assert.equal(normal('/\u00c3\u00a9'), '/%C3%A9');
  assert.equal(normal('/€'), '/%E2%82%AC');
});

test('the query is not touched', () => {
  assert.equal(normal('/a/../b?x=/../%41'), '/b?x=/../%41');
});

test('a NUL, a fragment and a path without its slash are refused', () => {
  for (const path of ['/a%00', '/a\0 b', '/a#b', '/a?b#c', 'a', '']) assert.equal(normal(path), null, path);
});

test('slashes are merged only where that is asked for, and only in the path', () => {
  assert.equal(normalizePath('//a///b?c=//d', { mergeSlashes: true }), '/a/b?c=//d');
  assert.equal(normal('//a///b'), '//a///b');
});

test('normalising twice changes nothing, and no dot segment is left', () => {
  const piece = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '%2e',
    '%2F',
    '%41',
    '%32',
    '%30',
    'a',
    'e',
    '2',
    '?',
    ' ',
    '%',
    'é',
    '//',
  );
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), (pieces, mergeSlashes) => {
      const once = normalizePath(`/${pieces.join('')}`, { mergeSlashes });
      if (once === null) return;
      assert.equal(normalizePath(once, { mergeSlashes }), once);
      const path = once.split('?')[0] as string;
      assert.doesNotMatch(path, /\\|\/\.{1,2}(\/|$)/);
      assert.doesNotMatch(path, /%2e|%00/i);
    }),
    { numRuns: 3000 },
  );
});
