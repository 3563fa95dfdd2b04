import type { StringMatcher } from './string-matcher.ts';

/** One side of TLS, as a transport socket says it. Everything that is left out closes, nothing opens. */
export interface TlsContextConfig {
  /** What this side shows. Of several a server takes that of the name which the client asks for, else the first. */
  readonly certificates: readonly CertificateConfig[];
  /** Who may vouch for the peer. Null: a client is not asked who it is; a server's certificate is not looked at. */
  readonly roots: RootsConfig | null;
  /** Certificates that are worth nothing any more. */
  readonly crl: DataSource | null;
  readonly requireClientCertificate: boolean;
  /** What the peer's certificate must name, one of them; empty accepts any that the roots vouch for. */
  readonly peerSans: readonly SubjectAltName[];
  readonly alpn: readonly string[];
  /** Client side only. */
  readonly sni: string;
  /**
   * Client side only: TLS is spoken to this port of the host's address, and in it HTTP/2, whose CONNECT takes the connection
   * to the host's own port (HBONE). 0 or left out: TLS is what the host itself speaks.
   */
  readonly tunnelPort?: number;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Of TLS 1.2, in OpenSSL's names; those of 1.3 are fixed. Empty: the proxy's own choice. */
  readonly ciphers: readonly string[];
  /** As `X25519`, `P-256`; empty: the proxy's own choice. */
  readonly groups: readonly string[];
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** By SDS name, or from where the configuration says. `default` is the workload's own certificate. */
export type CertificateConfig =
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'data'; readonly chain: DataSource; readonly key: DataSource };

/** PEM. `ROOTCA` are the mesh's roots, `file-root:system` those of the operating system. */
export type RootsConfig =
  | { readonly kind: 'secret'; readonly name: string }
  | { readonly kind: 'data'; readonly data: DataSource };

export type DataSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'environment'; readonly name: string };

/** What a certificate calls its owner: subject alternative names by type, and the subject (RFC 2253). */
export interface PeerNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly emails: readonly string[];
  readonly addresses: readonly string[];
  readonly subject: string;
}

export const noNames: PeerNames = { uris: [], dns: [], emails: [], addresses: [], subject: '' };

export type SanType = 'any' | 'uri' | 'dns' | 'email' | 'address';

/** Envoy's `SubjectAltNameMatcher`. An exact DNS name also matches a certificate's `*.suffix` that covers it (RFC 6125, 6.4.3). */
export class SubjectAltName {
  readonly type: SanType;
  readonly matcher: StringMatcher;

  constructor(type: SanType, matcher: StringMatcher) {
    this.type = type;
    this.matcher = matcher;
  }

  accepts(names: PeerNames): boolean {
    const { type } = this;
    return (
      ((type === 'uri' || type === 'any') && this.#some(names.uris)) ||
      ((type === 'dns' || type === 'any') && this.#someDns(names.dns)) ||
      ((type === 'email' || type === 'any') && this.#some(names.emails)) ||
      ((type === 'address' || type === 'any') && this.#some(names.addresses))
    );
  }

  #some(names: readonly string[]): boolean {
    return names.some((name) => this.matcher.matches(name));
  }

  #someDns(names: readonly string[]): boolean {
    const { kind, value } = this.matcher;
    if (kind !== 'exact') return this.#some(names);
    const wanted = value.toLowerCase();
    return names.some((name) => coversName(name.toLowerCase(), wanted));
  }
}

/** A name in a certificate covers a host: the same, or `*` for exactly its first label. Both in lower case. */
export const coversName = (pattern: string, host: string): boolean => {
  if (pattern === host) return true;
  if (!pattern.startsWith('*.') || pattern.length < 4) return false;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1) && pattern.indexOf('.', 2) !== -1;
};
