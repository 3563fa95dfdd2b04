import { createHash, randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { parseSpiffeId } from '@weft/identity/spiffe';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import type { ClientTls, ServerTls, TlsStore } from './context.ts';

/** What of a workload's identity becomes a TLS context; `Credentials` of @weft/identity is one. */
export interface TlsCredentials {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly bundle: { readonly pem: string };
}

/** The names that xDS uses for the only two secrets there are; any other never comes, and its listener stays shut. */
const CERTIFICATE_SECRET = 'default';
const VALIDATION_SECRET = 'ROOTCA';

/** Envoy, as a client, stops at 1.2 unless told, so that has to do; with forward secrecy only. */
const MIN_VERSION = 'TLSv1.2';
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');
/** OpenSSL would offer a post-quantum group first, of a kilobyte for each side; Envoy's default are these two. */
const GROUPS = 'X25519:P-256';
const TICKET_KEY_BYTES = 48;

/**
 * Secure contexts made of the workload's present identity. All listeners share one, all clusters another: what differs
 * between them (ALPN, SNI, accepted names) belongs to the connection. A rotation drops them; new ones are made when the
 * next connection asks.
 */
export class WorkloadTlsStore implements TlsStore {
  readonly #trustDomain: string;
  readonly #greeting: Buffer | null;
  readonly #rotated = new Set<() => void>();
  #credentials: TlsCredentials | null = null;
  #contexts = new Map<string, SecureContext>();
  #views = new WeakMap<TlsContextConfig, View>();

  /** `greeting`: what peers are told who ask by ALPN (`tcp/peer-exchange.ts`). */
  constructor(trustDomain: string, greeting: Buffer | null = null) {
    this.#trustDomain = trustDomain;
    this.#greeting = greeting;
  }

  /** The first call opens the listeners for TLS, each further one is a rotation. */
  use(credentials: TlsCredentials): void {
    const rotated = this.#credentials !== null;
    this.#credentials = credentials;
    this.#contexts = new Map();
    this.#views = new WeakMap();
    if (rotated) for (const fn of this.#rotated) fn();
  }

  server(config: TlsContextConfig): ServerTls | null {
    // A session of a listener that asks for no certificate must not be resumed at one that does.
    return this.#view(config, config.requireClientCertificate ? 'server mutual' : 'server');
  }

  client(config: TlsContextConfig): ClientTls | null {
    return this.#view(config, 'client');
  }

  onRotated(fn: () => void): () => void {
    this.#rotated.add(fn);
    return () => this.#rotated.delete(fn);
  }

  #view(config: TlsContextConfig, role: Role): View | null {
    const known = this.#views.get(config);
    if (known) return known;
    const secureContext = this.#context(config, role);
    if (!secureContext) return null;
    const greeting = this.#greeting;
    const view = { secureContext, greeting, verifyPeer: (sans: readonly string[]) => this.#verifyPeer(config, sans) };
    this.#views.set(config, view);
    return view;
  }

  #context(config: TlsContextConfig, role: Role): SecureContext | null {
    const credentials = this.#credentials;
    const { certificateSecret, validationSecret } = config;
    if (
      !credentials ||
      !isKnown(certificateSecret, CERTIFICATE_SECRET) ||
      !isKnown(validationSecret, VALIDATION_SECRET)
    )
      return null;
    const server = role !== 'client';
    // Without roots of its own a context would trust the operating system's.
    if (validationSecret === '' && (role === 'server mutual' || !server)) return null;
    if (certificateSecret === '' && server) return null;
    const key = `${role}|${certificateSecret}|${validationSecret}`;
    const cached = this.#contexts.get(key);
    if (cached) return cached;
    const context = createSecureContext({
      ca: credentials.bundle.pem,
      minVersion: MIN_VERSION,
      ciphers: CIPHERS,
      ecdhCurve: GROUPS,
      ...(certificateSecret && { cert: credentials.chainPem, key: credentials.privateKeyPem }),
      ...(server && sessionTickets(key)),
    });
    this.#contexts.set(key, context);
    return context;
  }

  #verifyPeer(config: TlsContextConfig, uriSans: readonly string[]): string {
    const [uri] = uriSans;
    if (uri === undefined || uriSans.length > 1) return '';
    if (parseSpiffeId(uri)?.trustDomain !== this.#trustDomain) return '';
    const { peerSans } = config;
    if (peerSans.length === 0) return uri;
    const accepted = peerSans.some(
      (san) => san.exact === uri || (san.prefix !== undefined && san.prefix !== '' && uri.startsWith(san.prefix)),
    );
    return accepted ? uri : '';
  }
}

type Role = 'client' | 'server' | 'server mutual';

interface View {
  readonly secureContext: SecureContext;
  readonly greeting: Buffer | null;
  verifyPeer(uriSans: readonly string[]): string;
}

const isKnown = (name: string, known: string): boolean => name === '' || name === known;

/** New keys with each context, so that no session outlives the roots or the certificate it was made under. */
const sessionTickets = (key: string): { sessionIdContext: string; ticketKeys: Buffer } => ({
  sessionIdContext: createHash('sha256').update(key).digest('hex').slice(0, 32),
  ticketKeys: randomBytes(TICKET_KEY_BYTES),
});
