import type { TLSSocket } from 'node:tls';

/** What a TLS handshake told about the other side. */
export interface Peer {
  /** URI SANs of its certificate. */
  readonly uriSans: readonly string[];
  /** SHA-256 of its certificate, lower case hex; as `Hash` in x-forwarded-client-cert. */
  readonly fingerprint: string;
  /** RFC 2253 form; empty for mesh certificates, whose identity is the SAN. */
  readonly subject: string;
  /** When its certificate ends, wall clock. OpenSSL does not look at it again where a session is resumed. */
  readonly notAfterMs: number;
}

/** Null: it presented none, or one that cannot be read; callers refuse it then. */
export const peerOf = (socket: TLSSocket): Peer | null => {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  return {
    uriSans: uriSans(certificate.subjectAltName ?? ''),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: certificate.subject ? certificate.subject.split('\n').reverse().join(',') : '',
    notAfterMs: certificate.validToDate.getTime(),
  };
};

/**
 * Node gives subject alternative names as one text, `URI:spiffe://…, DNS:…`, and quotes a value that could be mistaken
 * for two. No SPIFFE id needs quotes, so a text with any gives no names at all.
 */
const uriSans = (text: string): readonly string[] =>
  text.includes('"')
    ? []
    : text
        .split(', ')
        .filter((name) => name.startsWith('URI:'))
        .map((name) => name.slice(4));

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
