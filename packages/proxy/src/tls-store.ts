import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type Clock, systemClock } from '@weft/base/clock';
import { splitCertificates } from '@weft/identity/pem';
import { parseSpiffeId } from '@weft/identity/spiffe';
import type { CertificateConfig, PeerNames, RootsConfig, TlsContextConfig } from '@weft/traffic/tls-config';
import type { ClientTls, ServerTls, TlsStore } from './context.ts';
import { chooseByName, dnsNamesOf, type Named } from './tls/certificate-names.ts';
import { KeyMaterial } from './tls/key-material.ts';

/** What of a workload's identity becomes a TLS context; `Credentials` of @weft/identity is one. */
export interface TlsCredentials {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly bundle: { readonly pem: string };
}

/** The names that xDS uses for the workload's own secrets; any other never comes, and its listener stays shut. */
const CERTIFICATE_SECRET = 'default';
const VALIDATION_SECRET = 'ROOTCA';
/** Istio's name for the operating system's roots. */
const SYSTEM_ROOTS = 'file-root:system';

/** Always there in TLS 1.3. */
const CIPHERS_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
/** Of TLS 1.2: with forward secrecy only. */
const CIPHERS_12 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
];
/** OpenSSL would offer a post-quantum group first, of a kilobyte for each side; Envoy's default are these two. */
const GROUPS = ['X25519', 'P-256'];
const TICKET_KEY_BYTES = 48;

type Role = 'client' | 'server';

interface Material {
  readonly cert: string;
  readonly key: string;
}

/**
 * Secure contexts made of the workload's present identity, and of files that a configuration names. All listeners with
 * the same certificates and roots share one, all clusters another: what differs between them (ALPN, SNI, accepted names)
 * belongs to the connection. A rotation drops them; new ones are made when the next connection asks.
 *
 * Whatever is missing, unreadable or no certificate gives no context, and so no connection.
 */
export class WorkloadTlsStore implements TlsStore {
  readonly #trustDomain: string;
  readonly #greeting: Buffer | null;
  readonly #files: KeyMaterial;
  readonly #clock: Clock;
  readonly #rotated = new Set<() => void>();
  #credentials: TlsCredentials | null = null;
  #contexts = new Map<string, readonly Named<SecureContext>[]>();
  /** By configuration, as long as its `stamp` stays: files and roots change without it. */
  #views = new WeakMap<TlsContextConfig, { readonly stamp: string; readonly view: View }>();
  /** When the first of the mesh's roots ends, wall clock. What was made until then is not used after it. */
  #rootEndsMs = Number.POSITIVE_INFINITY;

  /** `greeting`: what peers are told who ask by ALPN (`tcp/peer-exchange.ts`). */
  constructor(trustDomain: string, greeting: Buffer | null = null, clock: Clock = systemClock) {
    this.#trustDomain = trustDomain;
    this.#greeting = greeting;
    this.#clock = clock;
    this.#files = new KeyMaterial(clock);
  }

  /** The first call opens the listeners for TLS, each further one is a rotation. */
  use(credentials: TlsCredentials): void {
    const rotated = this.#credentials !== null;
    this.#credentials = credentials;
    this.#rootEndsMs = firstEnd(credentials.bundle.pem, this.#clock.now());
    this.#forget();
    if (rotated) this.#tell();
  }

  server(config: TlsContextConfig): ServerTls | null {
    return this.#view(config, 'server');
  }

  client(config: TlsContextConfig): ClientTls | null {
    return this.#view(config, 'client');
  }

  onRotated(fn: () => void): () => void {
    this.#rotated.add(fn);
    return () => this.#rotated.delete(fn);
  }

  #forget(): void {
    this.#contexts = new Map();
    this.#views = new WeakMap();
  }

  #tell(): void {
    for (const fn of this.#rotated) fn();
  }

  #view(config: TlsContextConfig, role: Role): View | null {
    // A session is not verified again when it is resumed, so none survives a root that has ended: OpenSSL looks anew.
    if (this.#clock.now() >= this.#rootEndsMs) {
      this.#rootEndsMs = firstEnd(this.#credentials?.bundle.pem ?? '', this.#clock.now());
      this.#forget();
      this.#tell();
    }
    const stamp = this.#stamp(config);
    const known = this.#views.get(config);
    if (known?.stamp === stamp) return known.view;
    const contexts = this.#contextsOf(config, role, stamp);
    if (contexts === null) return known?.view ?? null;
    const view = new View(contexts, config, role, this.#greeting, this.#trustDomain);
    this.#views.set(config, { stamp, view });
    // Pooled connections were made with what the files said before.
    if (known !== undefined) this.#tell();
    return view;
  }

  #stamp({ certificates, roots, crl }: TlsContextConfig): string {
    if (crl === null && roots?.kind !== 'data' && certificates.every((certificate) => certificate.kind === 'secret'))
      return '';
    const sources = certificates.flatMap((certificate) =>
      certificate.kind === 'data' ? [certificate.chain, certificate.key] : [],
    );
    if (roots?.kind === 'data') sources.push(roots.data);
    if (crl !== null) sources.push(crl);
    return sources.map((source) => this.#files.stampOf(source)).join();
  }

  #contextsOf(config: TlsContextConfig, role: Role, stamp: string): readonly Named<SecureContext>[] | null {
    const { certificates, roots, crl, minVersion, maxVersion, ciphers, groups, requireClientCertificate } = config;
    // A session of a listener that asks for no certificate must not be resumed at one that does.
    const key = JSON.stringify([
      ...[role, requireClientCertificate, certificates, roots, crl, minVersion, maxVersion, ciphers, groups, stamp],
    ]);
    const cached = this.#contexts.get(key);
    if (cached) return cached;
    const shown = certificates.map((certificate) => this.#materialOf(certificate));
    if (shown.includes(null) || (role === 'server' && shown.length === 0)) return null;
    // Without roots of its own a context would trust those that Node carries.
    const ca = roots === null ? [] : this.#rootsOf(roots);
    const revoked = crl === null ? '' : this.#files.read(crl);
    if (ca === null || revoked === null) return null;
    const common: SecureContextOptions = {
      ca,
      ...(revoked !== '' && { crl: revoked }),
      minVersion,
      maxVersion,
      ciphers: [...CIPHERS_13, ...(ciphers.length > 0 ? ciphers : CIPHERS_12)].join(':'),
      ecdhCurve: (groups.length > 0 ? groups : GROUPS).join(':'),
      ...(role === 'server' && sessionTickets(key)),
    };
    const contexts = makeContexts(common, shown as Material[]);
    if (contexts !== null) this.#contexts.set(key, contexts);
    return contexts;
  }

  #materialOf(certificate: CertificateConfig): Material | null {
    if (certificate.kind === 'secret') {
      const own = certificate.name === CERTIFICATE_SECRET ? this.#credentials : null;
      return own && { cert: own.chainPem, key: own.privateKeyPem };
    }
    const cert = this.#files.read(certificate.chain);
    const key = this.#files.read(certificate.key);
    return cert === null || key === null ? null : { cert, key };
  }

  #rootsOf(roots: RootsConfig): string | string[] | null {
    if (roots.kind === 'data') return this.#files.read(roots.data);
    if (roots.name === VALIDATION_SECRET) return this.#credentials?.bundle.pem ?? null;
    if (roots.name !== SYSTEM_ROOTS) return null;
    const system = getCACertificates('system');
    return system.length > 0 ? system : null;
  }
}

/** One for each name: certificates of different kinds of keys for the same names go into one. Null: some is unusable. */
const makeContexts = (common: SecureContextOptions, shown: readonly Material[]): Named<SecureContext>[] | null => {
  try {
    if (shown.length === 0) return [{ dns: [], value: createSecureContext(common) }];
    const byNames = Map.groupBy(shown, ({ cert }) => dnsNamesOf(cert).join());
    return [...byNames.values()].map((same) => ({
      dns: dnsNamesOf(same[0]?.cert ?? ''),
      value: createSecureContext({ ...common, cert: same.map(({ cert }) => cert), key: same.map(({ key }) => key) }),
    }));
  } catch {
    return null;
  }
};

class View implements ServerTls, ClientTls {
  readonly #contexts: readonly Named<SecureContext>[];
  readonly #config: TlsContextConfig;
  readonly #role: Role;
  readonly #trustDomain: string;
  readonly secureContext: SecureContext;
  readonly asksForCertificate: boolean;
  readonly verifies: boolean;
  readonly mesh: boolean;
  readonly greeting: Buffer | null;

  constructor(
    contexts: readonly Named<SecureContext>[],
    config: TlsContextConfig,
    role: Role,
    greeting: Buffer | null,
    trustDomain: string,
  ) {
    const { roots } = config;
    this.#contexts = contexts;
    this.#config = config;
    this.#role = role;
    this.#trustDomain = trustDomain;
    this.secureContext = (contexts[0] as Named<SecureContext>).value;
    this.asksForCertificate = roots !== null;
    this.verifies = roots !== null;
    this.mesh = roots?.kind === 'secret' && roots.name === VALIDATION_SECRET;
    // Only workloads of the mesh are told.
    this.greeting = this.mesh ? greeting : null;
  }

  contextFor(serverName: string): SecureContext {
    return this.#contexts.length === 1
      ? this.secureContext
      : (chooseByName(this.#contexts, serverName) ?? this.secureContext);
  }

  verifyPeer(names: PeerNames): string | null {
    const { peerSans } = this.#config;
    if (peerSans.length > 0 && !peerSans.some((san) => san.accepts(names))) return null;
    const [uri] = names.uris;
    const ofMesh = uri !== undefined && parseSpiffeId(uri)?.trustDomain === this.#trustDomain;
    // A workload has exactly one name, in the trust domain.
    if (this.mesh) return ofMesh && names.uris.length === 1 ? uri : null;
    // Nobody but the mesh's roots can vouch for one of its workloads, to whom policies listen.
    const claims = names.uris.some((name) => parseSpiffeId(name)?.trustDomain === this.#trustDomain);
    if (this.#role === 'server' && claims) return null;
    return uri ?? names.dns[0] ?? names.subject;
  }
}

/** When the next of these certificates ends; those that have ended already do not count. */
const firstEnd = (pem: string, nowMs: number): number =>
  Math.min(
    ...splitCertificates(pem)
      .map((certificate) => new X509Certificate(certificate).validToDate.getTime())
      .filter((endMs) => endMs > nowMs),
  );

/** New keys with each context, so that no session outlives the roots or the certificate it was made under. */
const sessionTickets = (key: string): { sessionIdContext: string; ticketKeys: Buffer } => ({
  sessionIdContext: createHash('sha256').update(key).digest('hex').slice(0, 32),
  ticketKeys: randomBytes(TICKET_KEY_BYTES),
});
