import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StringMatcher, type StringMatchKind } from './string-matcher.ts';
import { coversName, noNames, type PeerNames, type SanType, SubjectAltName } from './tls-config.ts';

const accepts = (type: SanType, kind: StringMatchKind, value: string, names: Partial<PeerNames>): boolean =>
  new SubjectAltName(type, new StringMatcher(kind, value, false, null)).accepts({ ...noNames, ...names });

describe('a subject alternative name that is accepted', () => {
  it('is of its type, unless any type will do', () => {
    for (const [type, names] of [
      ['uri', { uris: ['a.b'] }],
      ['dns', { dns: ['a.b'] }],
      ['email', { emails: ['a.b'] }],
      ['address', { addresses: ['a.b'] }],
    ] as const) {
      for (const other of ['uri', 'dns', 'email', 'address'] as const)
        assert.equal(accepts(other, 'exact', 'a.b', names), other === type, `${other} of ${type}`);
      assert.equal(accepts('any', 'exact', 'a.b', names), true, type);
    }
    assert.equal(accepts('any', 'exact', 'CN=a.b', { subject: 'CN=a.b' }), false, 'a subject is no such name');
  });

  it('is matched as a text, one of several', () => {
    assert.equal(accepts('uri', 'prefix', 'spiffe://x/', { uris: ['y', 'spiffe://x/a'] }), true);
    assert.equal(accepts('uri', 'suffix', '/a', { uris: ['spiffe://x/a'] }), true);
    assert.equal(accepts('uri', 'contains', '//y', { uris: ['spiffe://x/a'] }), false);
  });

  it('as a DNS name is covered by a wildcard for its first label, and in any case', () => {
    assert.equal(accepts('dns', 'exact', 'A.example.com', { dns: ['a.Example.com'] }), true);
    assert.equal(accepts('dns', 'exact', 'a.example.com', { dns: ['*.example.com'] }), true);
    assert.equal(accepts('dns', 'exact', 'a.b.example.com', { dns: ['*.example.com'] }), false);
    assert.equal(accepts('dns', 'exact', 'example.com', { dns: ['*.example.com'] }), false);
    assert.equal(accepts('uri', 'exact', 'a.example.com', { uris: ['*.example.com'] }), false);
  });
});

it('a wildcard covers no more than one label, and no top-level domain', () => {
  assert.equal(coversName('*.com', 'a.com'), false);
  assert.equal(coversName('*', 'a'), false);
  assert.equal(coversName('*.', 'a.'), false);
  assert.equal(coversName('a*.b.c', 'ax.b.c'), false);
  assert.equal(coversName('*.b.c', '.b.c'), false);
});
