/**
 * SPIFFE ids of workloads in Istio's form, `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`, read strictly: no
 * upper case in the trust domain, no percent-encoding, no port, query or fragment
 * (https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/).
 */
export interface SpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
/** RFC 1123: namespaces are labels, service accounts subdomains. */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const SERVICE_ACCOUNT = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const MAX_LENGTH = 2048;

export const isTrustDomain = (text: string): boolean => TRUST_DOMAIN.test(text);

/** `null` if the text is not the id of a workload. */
export const parseSpiffeId = (text: string): SpiffeId | null => {
  if (text.length > MAX_LENGTH || !text.startsWith('spiffe://')) return null;
  const [trustDomain = '', ns, namespace = '', sa, serviceAccount = '', ...rest] = text
    .slice('spiffe://'.length)
    .split('/');
  if (ns !== 'ns' || sa !== 'sa' || rest.length > 0) return null;
  const id = { trustDomain, namespace, serviceAccount };
  return isValid(id) ? id : null;
};

/** Throws RangeError on a part that could change what the id means. */
export const formatSpiffeId = (id: SpiffeId): string => {
  if (!isValid(id)) throw new RangeError(`not a SPIFFE id: ${JSON.stringify(id)}`);
  return `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
};

const isValid = (id: SpiffeId): boolean =>
  TRUST_DOMAIN.test(id.trustDomain) && NAMESPACE.test(id.namespace) && SERVICE_ACCOUNT.test(id.serviceAccount);
