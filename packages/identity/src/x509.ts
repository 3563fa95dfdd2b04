import {
  boolean,
  contextTag,
  type DerReader,
  DerError,
  element,
  implicitTag,
  octetString,
  oid,
  readOid,
  sequence,
  tags,
} from './der.ts';

/** Object identifiers of X.509 (RFC 5280), PKCS#10 (RFC 2986) and their signatures. */
export const oids = {
  organizationName: '2.5.4.10',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  ed25519: '1.3.101.112',
} as const;

/** GeneralName choices (RFC 5280 section 4.2.1.6). */
const DNS_NAME = implicitTag(2);
const URI = implicitTag(6);

export const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

export const subjectAltName = (names: {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}): Buffer => sequence(...names.uris.map((n) => name(URI, n)), ...names.dnsNames.map((n) => name(DNS_NAME, n)));

const name = (tag: number, text: string): Buffer => {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new RangeError(`not an ASCII name: ${JSON.stringify(text)}`);
  return element(tag, Buffer.from(text));
};

export interface SubjectAltNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Names of other forms (IP addresses, e-mail): how many, as nobody here uses them. */
  readonly others: number;
}

const NO_NAMES: SubjectAltNames = { uris: [], dnsNames: [], others: 0 };

/** The SubjectAltName among `Extensions`, a SEQUENCE; every extension is read, so that a broken one is found. */
export const readSubjectAltNames = (extensions: DerReader): SubjectAltNames => {
  let found: SubjectAltNames | undefined;
  while (!extensions.done) {
    const one = extensions.enter(tags.sequence);
    const id = readOid(one.expect(tags.oid).content);
    if (one.peekTag() === tags.boolean) one.next();
    const value = one.enter(tags.octetString);
    one.end();
    if (id !== oids.subjectAltName) continue;
    if (found) throw new DerError('two SubjectAltName extensions');
    found = readNames(value.enter(tags.sequence));
    value.end();
  }
  return found ?? NO_NAMES;
};

const readNames = (names: DerReader): SubjectAltNames => {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  let others = 0;
  while (!names.done) {
    const { tag, content } = names.next();
    if (tag === URI) uris.push(ascii(content));
    else if (tag === DNS_NAME) dnsNames.push(ascii(content));
    else others++;
  }
  return { uris, dnsNames, others };
};

const ascii = (content: Buffer): string => {
  if (content.some((b) => b < 0x21 || b > 0x7e)) throw new DerError('a name with characters outside ASCII');
  return content.toString('latin1');
};

/** Context tag of the extensions in a certificate, and of the attributes in a request. */
export const CERTIFICATE_EXTENSIONS = contextTag(3);
export const REQUEST_ATTRIBUTES = contextTag(0);
