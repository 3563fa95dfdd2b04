import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { WeftError } from '@weft/base/errors';
import { DerReader, readBitString, readOid, tags } from './der.ts';
import { fromPem } from './pem.ts';
import { oids, REQUEST_ATTRIBUTES, readSubjectAltNames, type SubjectAltNames } from './x509.ts';

/** A certificate request whose signature was checked: its maker holds the private key. */
export interface Csr {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  readonly names: SubjectAltNames;
}

/** A request with a chain of names is under 2 KB; more is not worth reading. */
const MAX_BYTES = 16 * 1024;
const MIN_RSA_BITS = 2048;
const CURVES = new Set(['prime256v1', 'secp384r1']);

/** OID of the signature → digest for `crypto.verify` and the key it needs. */
const SIGNATURES: Record<string, { readonly digest: string | null; readonly key: string }> = {
  [oids.ecdsaWithSha256]: { digest: 'sha256', key: 'ec' },
  [oids.ecdsaWithSha384]: { digest: 'sha384', key: 'ec' },
  [oids.sha256WithRsa]: { digest: 'sha256', key: 'rsa' },
  [oids.ed25519]: { digest: null, key: 'ed25519' },
};

/**
 * Reads and verifies a PKCS#10 request, PEM or DER. Anything wrong is a WeftError `badCsr` that says what. Whether
 * the caller may have the names it asks for is the caller's question.
 */
export const readCsr = (csr: string | Uint8Array): Csr => {
  try {
    return parse(toDer(csr));
  } catch (error) {
    throw new WeftError('badCsr', `certificate request refused: ${(error as Error).message}`, { cause: error });
  }
};

const toDer = (csr: string | Uint8Array): Uint8Array => {
  if (csr.length > MAX_BYTES) throw new RangeError(`${csr.length} bytes are more than ${MAX_BYTES}`);
  if (typeof csr !== 'string') return csr;
  const blocks = [...fromPem('CERTIFICATE REQUEST', csr), ...fromPem('NEW CERTIFICATE REQUEST', csr)];
  const [der] = blocks;
  if (!der || blocks.length !== 1)
    throw new RangeError(`${blocks.length} PEM blocks CERTIFICATE REQUEST instead of one`);
  return der;
};

const parse = (der: Uint8Array): Csr => {
  const outer = new DerReader(der);
  const request = outer.enter(tags.sequence);
  outer.end();
  const signed = request.expect(tags.sequence);
  const algorithm = request.enter(tags.sequence);
  const signature = readBitString(request.expect(tags.bitString).content);
  request.end();
  const info = new DerReader(signed.content);
  const version = info.expect(tags.integer).content;
  if (version.length !== 1 || version[0] !== 0) throw new RangeError('a version other than 1');
  info.expect(tags.sequence);
  const spki = Buffer.from(info.expect(tags.sequence).whole);
  const names = readAttributes(info);
  info.end();
  checkSignature(readOid(algorithm.expect(tags.oid).content), publicKey(spki), signed.whole, signature);
  return { spki, names };
};

const readAttributes = (info: DerReader): SubjectAltNames => {
  let names: SubjectAltNames = { uris: [], dnsNames: [], others: 0 };
  if (info.done) return names;
  const attributes = info.enter(REQUEST_ATTRIBUTES);
  let requests = 0;
  while (!attributes.done) {
    const attribute = attributes.enter(tags.sequence);
    const id = readOid(attribute.expect(tags.oid).content);
    const values = attribute.enter(tags.set);
    attribute.end();
    if (id !== oids.extensionRequest) continue;
    if (++requests > 1) throw new RangeError('two extension requests');
    names = readSubjectAltNames(values.enter(tags.sequence));
    values.end();
  }
  return names;
};

const publicKey = (spki: Buffer): KeyObject => {
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && (modulusLength ?? 0) < MIN_RSA_BITS)
    throw new RangeError(`an RSA key of ${modulusLength} bits`);
  if (key.asymmetricKeyType === 'ec' && !CURVES.has(namedCurve ?? '')) throw new RangeError(`curve ${namedCurve}`);
  return key;
};

const checkSignature = (algorithm: string, key: KeyObject, signed: Buffer, signature: Buffer): void => {
  const kind = SIGNATURES[algorithm];
  if (!kind || kind.key !== key.asymmetricKeyType)
    throw new RangeError(`signature algorithm ${algorithm} with a key of type ${key.asymmetricKeyType}`);
  if (!verify(kind.digest, signed, key, signature)) throw new RangeError('the signature does not fit the key');
};
