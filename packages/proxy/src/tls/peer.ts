import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { noNames, type PeerNames } from '@weft/traffic/tls-config';

/** What a TLS handshake told about the other side. */
export interface Peer {
  /** What its certificate calls it. */
  readonly names: PeerNames;
  /** SHA-256 of its certificate, lower case hex; as `Hash` in x-forwarded-client-cert. */
  readonly fingerprint: string;
  /** When its certificate ends, wall clock. OpenSSL does not look at it again where a session is resumed. */
  readonly notAfterMs: number;
}

/** Null: it presented none, or one that cannot be read; callers refuse it then. */
export const peerOf = (socket: TLSSocket): Peer | null => {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  const { fingerprint256 } = certificate;
  let peer = known.get(fingerprint256);
  if (peer === undefined) {
    peer = {
      names: namesOf(certificate),
      fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
      notAfterMs: certificate.validToDate.getTime(),
    };
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(fingerprint256, peer);
  }
  return peer;
};

/** A certificate never changes what it says, and peers come again: reading names costs more than the hash. */
const known = new Map<string, Peer>();
const MAX_KNOWN = 1000;

/**
 * Node gives subject alternative names as one text, `URI:spiffe://…, DNS:…`, and quotes a value that could be mistaken
 * for two. No SPIFFE id or DNS name needs quotes, so a text with any gives no names at all.
 */
export const namesOf = ({ subjectAltName, subject }: X509Certificate): PeerNames => {
  const text = subjectAltName ?? '';
  const subjectName = subject ? subject.split('\n').reverse().join(',') : '';
  if (text.includes('"')) return { ...noNames, subject: subjectName };
  const all = text.split(', ');
  const of = (prefix: string): readonly string[] =>
    all.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return {
    uris: of('URI:'),
    dns: of('DNS:'),
    emails: of('email:'),
    addresses: of('IP Address:'),
    subject: subjectName,
  };
};

/** Node checks a server's certificate itself; a client's it leaves to the owner of a `tls.Server`, which we have not. */
interface VerifyingHandle {
  verifyError?: () => Error | null | undefined;
}

/**
 * Whether OpenSSL could verify the client's chain against the roots of the secure context. Anything unexpected counts
 * as unverified.
 */
export const clientVerified = (socket: TLSSocket): boolean => {
  const handle = (socket as unknown as { _handle: VerifyingHandle | null })._handle;
  if (typeof handle?.verifyError !== 'function') return false;
  const error = handle.verifyError();
  return error === null || error === undefined;
};
