// Certificates of the measured mesh's own authority, for peers that a bench makes itself: a tuned Envoy, idle clients.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@weft/base/clock';
import { CertificateAuthority } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';

export interface BenchCertificate {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export const certificateFor = (stateDir: string, serviceAccount: string): BenchCertificate => {
  const ca = readFileSync(join(stateDir, 'ca/root.crt'), 'utf8');
  const authority = new CertificateAuthority(
    { privateKeyPem: readFileSync(join(stateDir, 'ca/root.key'), 'utf8'), certificatePem: ca },
    systemClock,
  );
  const spiffeId = `spiffe://cluster.local/ns/bench/sa/${serviceAccount}`;
  const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
  return { key: privateKeyPem, cert: authority.issue({ spki: readCsr(csrPem).spki, spiffeId, ttlMs: 86_400_000 }), ca };
};
