import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '@weft/identity/pem';
import { type Answer, json } from './admin-server.ts';

/** Envoy's `/certs`: what is trusted and what is shown, never a key. */
export const certsPage = (
  credentials: { readonly chainPem: string; readonly bundle: { readonly rootsPem: readonly string[] } } | null,
  nowMs: number,
): Answer =>
  json({
    certificates: credentials
      ? [
          {
            ca_cert: credentials.bundle.rootsPem.map((pem) => describe(pem, nowMs)),
            cert_chain: splitCertificates(credentials.chainPem).map((pem) => describe(pem, nowMs)),
          },
        ]
      : [],
  });

const DAY_MS = 86_400_000;

const describe = (pem: string, nowMs: number): object => {
  const certificate = new X509Certificate(pem);
  const { validFromDate, validToDate, serialNumber } = certificate;
  return {
    path: '<inline>',
    serial_number: serialNumber.toLowerCase(),
    subject_alt_names: names(certificate.subjectAltName ?? ''),
    days_until_expiration: String(Math.max(0, Math.floor((validToDate.getTime() - nowMs) / DAY_MS))),
    valid_from: validFromDate.toISOString(),
    expiration_time: validToDate.toISOString(),
  };
};

const names = (alternatives: string): object[] => {
  const all = alternatives.split(', ');
  const uris = all.filter((name) => name.startsWith('URI:')).map((name) => ({ uri: name.slice(4) }));
  return [...uris, ...all.filter((name) => name.startsWith('DNS:')).map((name) => ({ dns: name.slice(4) }))];
};
