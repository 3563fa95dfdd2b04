import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '@weft/identity/pem';
import { Credentials } from '@weft/identity/workload-identity';

/** The one place where a workload's key is written: docs/decisions/0005-state-on-disk.md. */
interface StoredCredentials {
  readonly privateKey: string;
  readonly chain: string;
  readonly roots: string;
}

export const writeCredentials = ({ privateKeyPem, chainPem, bundle }: Credentials): string =>
  `${JSON.stringify({ privateKey: privateKeyPem, chain: chainPem, roots: bundle.pem } satisfies StoredCredentials)}\n`;

/**
 * Throws, with the reason, unless they certify `spiffeId` now, under a root that the bootstrap names too: those of
 * another mesh, or of one whose root was replaced, are of no use.
 */
export const readCredentials = (text: string, spiffeId: string, rootsPem: string, nowMs: number): Credentials => {
  const stored = parse(text);
  const named = new Set(splitCertificates(rootsPem).map(fingerprint));
  if (!splitCertificates(stored.roots).some((pem) => named.has(fingerprint(pem))))
    throw new Error('they are of a mesh with another root');
  const signed = { chain: splitCertificates(stored.chain), roots: splitCertificates(stored.roots) };
  return new Credentials(spiffeId, stored.privateKey, signed, nowMs);
};

/** What JSON.parse says of a broken file quotes it. */
const parse = (text: string): StoredCredentials => {
  let stored: Partial<StoredCredentials> | null = null;
  try {
    stored = JSON.parse(text) as Partial<StoredCredentials> | null;
  } catch {
    throw new Error('the file is not JSON');
  }
  const { privateKey, chain, roots } = stored ?? {};
  if (typeof privateKey !== 'string' || typeof chain !== 'string' || typeof roots !== 'string')
    throw new Error('the file lacks a key, a chain or roots');
  return { privateKey, chain, roots };
};

const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;
