import { systemClock } from '@weft/base/clock';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import type { TlsContextConfig } from '@weft/traffic/runtime-config';
import { StringMatcher } from '@weft/traffic/string-matcher';
import { SubjectAltName } from '@weft/traffic/tls-config';
import { WorkloadTlsStore } from '../tls-store.ts';

const TRUST_DOMAIN = 'cluster.local';

/** A mesh's authority, and TLS stores of workloads it certified. */
export class TestMesh {
  readonly root = createRoot({ trustDomain: TRUST_DOMAIN, clock: systemClock });
  readonly #authority = new CertificateAuthority(this.root, systemClock);

  store(name: string, greeting: Buffer | null = null): WorkloadTlsStore {
    const store = new WorkloadTlsStore(TRUST_DOMAIN, greeting);
    store.use(this.credentials(name));
    return store;
  }

  credentials(name: string, ttlMs = 3_600_000): { chainPem: string; privateKeyPem: string; bundle: { pem: string } } {
    const spiffeId = spiffe(name);
    const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
    const chainPem = this.#authority.issue({ spki: readCsr(csrPem).spki, spiffeId, ttlMs });
    return { chainPem, privateKeyPem, bundle: { pem: this.root.certificatePem } };
  }
}

export const spiffe = (name: string): string => `spiffe://${TRUST_DOMAIN}/ns/default/sa/${name}`;

/** A peer that is accepted by its SPIFFE id. */
export const named = (uri: string, kind: 'exact' | 'prefix' = 'exact'): SubjectAltName =>
  new SubjectAltName('uri', new StringMatcher(kind, uri, false, null));

export const tlsConfig = (over: Partial<TlsContextConfig> = {}): TlsContextConfig => ({
  certificates: [{ kind: 'secret', name: 'default' }],
  roots: { kind: 'secret', name: 'ROOTCA' },
  crl: null,
  requireClientCertificate: true,
  peerSans: [],
  alpn: ['istio'],
  sni: 'outbound_.80_._.b.default.svc.cluster.local',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [],
  groups: [],
  ...over,
});
