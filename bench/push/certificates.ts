// A root, a server's certificate, and one for each service account of the clients.
import { systemClock } from '@weft/base/clock';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import type { ClientPod } from './scene.ts';

export interface Certificate {
  readonly spiffeId: string;
  readonly key: string;
  readonly chain: string;
}

export interface Certificates {
  readonly root: string;
  readonly server: Certificate;
  /** In the order of the pods. */
  readonly clients: readonly Certificate[];
}

export const makeCertificates = (pods: readonly ClientPod[]): Certificates => {
  const root = createRoot({ trustDomain: 'cluster.local', clock: systemClock });
  const authority = new CertificateAuthority(root, systemClock);
  const made = new Map<string, Certificate>();
  const certificate = (account: string, dnsNames: string[] = []): Certificate => {
    const spiffeId = `spiffe://cluster.local/ns/${account}`;
    const known = made.get(spiffeId);
    if (known) return known;
    const { privateKeyPem, csrPem } = createKeyAndCsr(spiffeId);
    const chain = authority.issue({ spki: readCsr(csrPem).spki, spiffeId, dnsNames, ttlMs: 86_400_000 });
    made.set(spiffeId, { spiffeId, key: privateKeyPem, chain });
    return { spiffeId, key: privateKeyPem, chain };
  };
  return {
    root: root.certificatePem,
    server: certificate('istio-system/sa/istiod', ['istiod.istio-system.svc']),
    clients: pods.map((pod) => certificate(`${pod.namespace}/sa/${pod.serviceAccount}`)),
  };
};
