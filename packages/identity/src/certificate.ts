import { CERTIFICATE_EXTENSIONS, readSubjectAltNames, type SubjectAltNames } from './x509.ts';
import { DerReader, tags } from './der.ts';
import { parseSpiffeId } from './spiffe.ts';

/**
 * The SubjectAltNames of a certificate, DER. Read from the bytes: the text that Node makes of them
 * (`X509Certificate.subjectAltName`) has to be unquoted, which went wrong before (CVE-2021-44532). Throws DerError.
 */
export const certificateNames = (der: Uint8Array): SubjectAltNames => {
  const outer = new DerReader(der);
  const body = outer.enter(tags.sequence).enter(tags.sequence);
  while (!body.done) {
    if (body.peekTag() === CERTIFICATE_EXTENSIONS)
      return readSubjectAltNames(body.enter(CERTIFICATE_EXTENSIONS).enter(tags.sequence));
    body.next();
  }
  return { uris: [], dnsNames: [], others: 0 };
};

/**
 * The SPIFFE id of a peer's certificate, DER (`socket.getPeerX509Certificate()?.raw`); `null` unless it has exactly
 * one URI and that is a workload's id (X.509-SVID section 5.2). Says nothing of who signed it: verify that first.
 */
export const peerSpiffeId = (der: Uint8Array): string | null => {
  try {
    const { uris } = certificateNames(der);
    const [uri] = uris;
    return uri !== undefined && uris.length === 1 && parseSpiffeId(uri) ? uri : null;
  } catch {
    return null;
  }
};
