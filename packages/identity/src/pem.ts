/** PEM (RFC 7468): DER in base64 between `-----BEGIN LABEL-----` and `-----END LABEL-----`. */
export const toPem = (label: string, der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
};

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The DER of each block with `label`, in order; other blocks and text between them are passed over. */
export const fromPem = (label: string, pem: string): Buffer[] =>
  [...pem.matchAll(BLOCK)].filter((m) => m[1] === label).map((m) => Buffer.from(m[2] as string, 'base64'));

/** The certificates of a chain or bundle, each as PEM of its own. */
export const splitCertificates = (pem: string): string[] =>
  fromPem('CERTIFICATE', pem).map((der) => toPem('CERTIFICATE', der));
