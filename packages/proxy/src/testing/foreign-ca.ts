import { systemClock } from '@weft/base/clock';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';

export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** An authority that is not the mesh's, for servers and clients of the world outside. */
export class ForeignCa {
  readonly #trustDomain: string;
  readonly #root;
  readonly #authority;

  constructor(trustDomain = 'example.com') {
    this.#trustDomain = trustDomain;
    this.#root = createRoot({ trustDomain, clock: systemClock });
    this.#authority = new CertificateAuthority(this.#root, systemClock);
  }

  get pem(): string {
    return this.#root.certificatePem;
  }

  issue(name: string, dnsNames: readonly string[] = [], ttlMs = 3_600_000): Certified {
    const spiffeId = `spiffe://${this.#trustDomain}/ns/default/sa/${name}`;
    const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
    const cert = this.#authority.issue({ spki: readCsr(csrPem).spki, spiffeId, dnsNames, ttlMs });
    return { cert, key: privateKeyPem };
  }
}
