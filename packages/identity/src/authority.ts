import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import {
  bitString,
  boolean,
  element,
  contextTag,
  DerReader,
  implicitTag,
  integer,
  octetString,
  oid,
  sequence,
  set,
  tags,
  time,
  utf8String,
} from './der.ts';
import { toPem } from './pem.ts';
import { CERTIFICATE_EXTENSIONS, extension, oids, subjectAltName } from './x509.ts';

/** 10 years, as Istio's self-signed root. */
export const ROOT_TTL_MS = 3650 * 86_400_000;
/** A certificate is valid from a minute ago, for peers whose clocks are a little behind. */
export const BACKDATE_MS = 60_000;

/** KeyUsage bits, and how many of the last byte are unused (RFC 5280 section 4.2.1.3). */
const DIGITAL_SIGNATURE = bitString(Buffer.of(0x80), 7);
const CERT_AND_CRL_SIGN = bitString(Buffer.of(0x06), 1);

export interface Root {
  /** PKCS#8, P-256. Secret. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
}

/** A new self-signed root for `trustDomain`. */
export const createRoot = (options: { trustDomain: string; clock: Clock; ttlMs?: number }): Root => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const name = sequence(set(sequence(oid(oids.organizationName), utf8String(options.trustDomain))));
  const der = certificate(privateKey, {
    issuer: name,
    subject: name,
    spki,
    notBeforeMs: options.clock.now() - BACKDATE_MS,
    notAfterMs: options.clock.now() + (options.ttlMs ?? ROOT_TTL_MS),
    extensions: [
      extension(oids.basicConstraints, true, sequence(boolean(true))),
      extension(oids.keyUsage, true, CERT_AND_CRL_SIGN),
      extension(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(spki))),
      extension(
        oids.subjectAltName,
        false,
        subjectAltName({ uris: [`spiffe://${options.trustDomain}`], dnsNames: [] }),
      ),
    ],
  });
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificatePem: toPem('CERTIFICATE', der),
  };
};

export interface IssueRequest {
  /** SubjectPublicKeyInfo, DER, of a key whose possession was proven (`readCsr`). */
  readonly spki: Uint8Array;
  readonly spiffeId: string;
  readonly dnsNames?: readonly string[];
  /** Ends with the root at the latest. */
  readonly ttlMs: number;
}

/** Signs workloads' certificates with a root. Who may have which identity is decided before. */
export class CertificateAuthority {
  readonly certificatePem: string;
  readonly #key: KeyObject;
  readonly #clock: Clock;
  readonly #issuer: Buffer;
  readonly #issuerKeyIdentifier: Buffer;
  /** When the root ends, in wall-clock ms. */
  readonly notAfterMs: number;

  /** Throws WeftError `caUnusable` if key and certificate do not fit, or the certificate is no CA or has expired. */
  constructor(root: Root, clock: Clock) {
    let certificate: X509Certificate;
    try {
      this.#key = createPrivateKey(root.privateKeyPem);
      certificate = new X509Certificate(root.certificatePem);
    } catch (error) {
      // The cause is dropped on purpose: it could quote the key.
      throw new WeftError(
        'caUnusable',
        `the CA's key or certificate cannot be read: ${(error as { code?: string }).code ?? 'malformed'}`,
      );
    }
    if (!certificate.checkPrivateKey(this.#key))
      throw new WeftError('caUnusable', "the CA's key does not belong to its certificate");
    if (this.#key.asymmetricKeyType !== 'ec')
      throw new WeftError('caUnusable', `the CA's key is ${this.#key.asymmetricKeyType}; weft signs with P-256`);
    if (!certificate.ca) throw new WeftError('caUnusable', "the CA's certificate is not one of a CA");
    if (certificate.validToDate.getTime() <= clock.now())
      throw new WeftError('caUnusable', `the CA's certificate ended ${certificate.validTo}`);
    this.#clock = clock;
    this.certificatePem = toPem('CERTIFICATE', certificate.raw);
    this.#issuer = subjectOf(certificate.raw);
    this.#issuerKeyIdentifier = keyIdentifier(createPublicKey(this.#key).export({ type: 'spki', format: 'der' }));
    this.notAfterMs = certificate.validToDate.getTime();
  }

  /** The workload's certificate, PEM. The chain to the root has no other. */
  issue(request: IssueRequest): string {
    const now = this.#clock.now();
    const der = certificate(this.#key, {
      issuer: this.#issuer,
      // Empty, as in Istio's: the name is the SAN, which must then be critical (RFC 5280 section 4.1.2.6).
      subject: sequence(),
      spki: request.spki,
      notBeforeMs: now - BACKDATE_MS,
      notAfterMs: Math.min(now + request.ttlMs, this.notAfterMs),
      extensions: [
        extension(oids.basicConstraints, true, sequence()),
        extension(oids.keyUsage, true, DIGITAL_SIGNATURE),
        extension(oids.extendedKeyUsage, false, sequence(oid(oids.serverAuth), oid(oids.clientAuth))),
        extension(oids.authorityKeyIdentifier, false, sequence(element(implicitTag(0), this.#issuerKeyIdentifier))),
        extension(
          oids.subjectAltName,
          true,
          subjectAltName({ uris: [request.spiffeId], dnsNames: request.dnsNames ?? [] }),
        ),
      ],
    });
    return toPem('CERTIFICATE', der);
  }
}

interface CertificateFields {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Uint8Array[];
}

const certificate = (key: KeyObject, fields: CertificateFields): Buffer => {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const serial = randomBytes(16);
  // Positive and never zero (RFC 5280 section 4.1.2.2).
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  const body = sequence(
    element(contextTag(0), integer(2)),
    integer(serial),
    algorithm,
    fields.issuer,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    fields.subject,
    fields.spki,
    element(CERTIFICATE_EXTENSIONS, sequence(...fields.extensions)),
  );
  return sequence(body, algorithm, bitString(sign('sha256', body, key)));
};

/** SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1): a name, not a protection. */
const keyIdentifier = (spki: Uint8Array): Buffer => {
  const info = new DerReader(spki).enter(tags.sequence);
  info.expect(tags.sequence);
  return createHash('sha1').update(info.expect(tags.bitString).content.subarray(1)).digest();
};

const subjectOf = (certificateDer: Buffer): Buffer => {
  const body = new DerReader(certificateDer).enter(tags.sequence).enter(tags.sequence);
  body.expect(contextTag(0));
  body.expect(tags.integer);
  for (let skipped = 0; skipped < 3; skipped++) body.expect(tags.sequence);
  return Buffer.from(body.expect(tags.sequence).whole);
};
