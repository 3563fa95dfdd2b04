import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { WeftError } from '@weft/base/errors';
import * as fc from 'fast-check';
import { readCsr } from './csr.ts';
import { bitString, element, integer, oid, sequence, set } from './der.ts';
import { createKeyAndCsr } from './key-and-csr.ts';
import { fromPem, toPem } from './pem.ts';
import { extension, oids, REQUEST_ATTRIBUTES, subjectAltName } from './x509.ts';

const SPIFFE_ID = 'spiffe://cluster.local/ns/default/sa/reviews';
const good = fromPem('CERTIFICATE REQUEST', createKeyAndCsr(SPIFFE_ID).csrPem)[0] as Buffer;

/** A request as another implementation would make it. */
const request = (options: {
  key?: ReturnType<typeof keyOf>;
  algorithm?: string;
  attributes?: Buffer[];
  version?: number;
  extra?: Buffer;
}): Buffer => {
  const { spki, sign: signWith } = options.key ?? keyOf('ec');
  const info = sequence(
    integer(options.version ?? 0),
    sequence(),
    spki,
    element(REQUEST_ATTRIBUTES, ...(options.attributes ?? [])),
    ...(options.extra ? [options.extra] : []),
  );
  return sequence(info, sequence(oid(options.algorithm ?? oids.ecdsaWithSha256)), bitString(signWith(info)));
};

const keyOf = (
  kind: 'ec' | 'rsa' | 'ed25519',
  detail?: string | number,
): { spki: Buffer; sign: (data: Buffer) => Buffer } => {
  const format = {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  } as const;
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: String(detail ?? 'P-256'), ...format })
      : kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: Number(detail ?? 2048), ...format })
        : generateKeyPairSync('ed25519', format);
  const key = createPrivateKey(pair.privateKey);
  return { spki: pair.publicKey, sign: (data) => sign(kind === 'ed25519' ? null : 'sha256', data, key) };
};

const names = (...uris: string[]): Buffer =>
  extension(oids.subjectAltName, false, subjectAltName({ uris, dnsNames: [] }));
const requested = (...extensions: Buffer[]): Buffer =>
  sequence(oid(oids.extensionRequest), set(sequence(...extensions)));

test('requests with keys of other kinds are read: P-384, RSA, Ed25519', () => {
  for (const [kind, detail, algorithm] of [
    ['ec', 'P-384', oids.ecdsaWithSha256],
    ['rsa', 2048, oids.sha256WithRsa],
    ['ed25519', undefined, oids.ed25519],
  ] as const) {
    const key = keyOf(kind, detail);
    const csr = readCsr(request({ key, algorithm, attributes: [requested(names(SPIFFE_ID))] }));
    assert.deepEqual([csr.names.uris, csr.spki.equals(key.spki)], [[SPIFFE_ID], true]);
  }
});

test('a request without attributes asks for no name', () => {
  assert.deepEqual(readCsr(request({})).names, { uris: [], dnsNames: [], others: 0 });
});

test('names of every form are counted, so that none is granted unseen', () => {
  const ip = extension(
    oids.subjectAltName,
    false,
    sequence(element(0x87, Buffer.from([127, 0, 0, 1])), element(0x82, Buffer.from('a.b'))),
  );
  assert.deepEqual(readCsr(request({ attributes: [requested(ip)] })).names, { uris: [], dnsNames: ['a.b'], others: 1 });
});

const refused: [string, () => Buffer | string, RegExp][] = [
  [
    'a signature by another key',
    () => request({ key: { spki: keyOf('ec').spki, sign: keyOf('ec').sign } }),
    /signature does not fit/,
  ],
  ['an algorithm that does not fit the key', () => request({ algorithm: oids.sha256WithRsa }), /signature algorithm/],
  ['a short RSA key', () => request({ key: keyOf('rsa', 1024), algorithm: oids.sha256WithRsa }), /1024 bits/],
  ['a weak curve', () => request({ key: keyOf('ec', 'secp224r1') }), /curve secp224r1/],
  ['another version', () => request({ version: 1 }), /version/],
  [
    'two SubjectAltNames',
    () => request({ attributes: [requested(names(SPIFFE_ID), names(SPIFFE_ID))] }),
    /two SubjectAltName/,
  ],
  [
    'two extension requests',
    () => request({ attributes: [requested(names(SPIFFE_ID)), requested()] }),
    /two extension requests/,
  ],
  ['bytes in the request after its attributes', () => request({ extra: integer(1) }), /bytes after/],
  ['bytes after the request', () => Buffer.concat([good, Buffer.of(0)]), /bytes after/],
  [
    'a name with a zero byte',
    () =>
      request({
        attributes: [
          requested(extension(oids.subjectAltName, false, sequence(element(0x86, Buffer.from('spiffe://a\0b'))))),
        ],
      }),
    /outside ASCII/,
  ],
  ['no PEM', () => 'hello', /0 PEM blocks/],
  ['two PEM blocks', () => toPem('CERTIFICATE REQUEST', good) + toPem('CERTIFICATE REQUEST', good), /2 PEM blocks/],
  ['a very long text', () => 'x'.repeat(20_000), /20000 bytes/],
  ['nothing', () => Buffer.alloc(0), /ends too early/],
];
for (const [what, make, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readCsr(make()),
      (error: unknown) => {
        assert.ok(error instanceof WeftError);
        assert.equal(error.kind.code, 'WEFT0301');
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

const onlyBadCsr = (read: () => unknown): boolean => {
  try {
    read();
    return true;
  } catch (error) {
    return error instanceof WeftError && error.kind.code === 'WEFT0301';
  }
};

test('no bytes make the reader fail in another way than badCsr', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => onlyBadCsr(() => readCsr(bytes))));
  fc.assert(fc.property(fc.string(), (text) => onlyBadCsr(() => readCsr(text))));
});

test('a request with any one byte changed is refused', () => {
  const mutation = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(mutation, ([at, xor]) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] as number) ^ xor;
      assert.throws(() => readCsr(bytes), { name: 'WeftError' });
    }),
    { numRuns: 300 },
  );
});

test('a request cut short is refused at every length', () => {
  for (let length = 0; length < good.length; length++)
    assert.throws(() => readCsr(good.subarray(0, length)), { name: 'WeftError' });
});
