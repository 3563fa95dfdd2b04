import { X509Certificate } from 'node:crypto';
import { splitCertificates } from './pem.ts';

/** The roots that a mesh trusts. Immutable; two while a root is being replaced. */
export class TrustBundle {
  /** One PEM each, without doubles. */
  readonly rootsPem: readonly string[];
  readonly #roots: readonly X509Certificate[];

  constructor(pems: readonly string[]) {
    this.rootsPem = [...new Set(pems.flatMap(splitCertificates))];
    this.#roots = this.rootsPem.map((pem) => new X509Certificate(pem));
  }

  /** All roots in one text, as `tls` options and `ROOTCA` take them. */
  get pem(): string {
    return this.rootsPem.join('');
  }

  /**
   * Whether one of the roots signed the certificate and both are valid at `nowMs`. The chains of weft have no
   * intermediates.
   */
  verifies(certificate: X509Certificate, nowMs: number): boolean {
    return (
      isValidAt(certificate, nowMs) &&
      this.#roots.some(
        (root) =>
          isValidAt(root, nowMs) && root.ca && certificate.checkIssued(root) && certificate.verify(root.publicKey),
      )
    );
  }
}

export const isValidAt = (certificate: X509Certificate, nowMs: number): boolean =>
  certificate.validFromDate.getTime() <= nowMs && nowMs < certificate.validToDate.getTime();
