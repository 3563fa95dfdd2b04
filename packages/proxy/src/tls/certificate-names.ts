import { X509Certificate } from 'node:crypto';
import { splitCertificates } from '@weft/identity/pem';
import { coversName } from '@weft/traffic/tls-config';
import { namesOf } from './peer.ts';

/** Something that is shown under certain names. */
export interface Named<T> {
  /** Lower case, `*.suffix` among them. */
  readonly dns: readonly string[];
  readonly value: T;
}

/** Names of the first certificate of a chain. Throws for what is no certificate. */
export const dnsNamesOf = (chainPem: string): readonly string[] => {
  const [leaf] = splitCertificates(chainPem);
  if (leaf === undefined) throw new Error('no certificate');
  const { dns, subject } = namesOf(new X509Certificate(leaf));
  const commonName = /(?:^|,)CN=([^,]+)/.exec(subject)?.[1];
  // Without any alternative name the common name is the name, as in Envoy.
  const names = dns.length > 0 || commonName === undefined ? dns : [commonName];
  return names.map((name) => name.toLowerCase());
};

/** As Envoy chooses: the exact name, then one that covers it, then the first. */
export const chooseByName = <T>(all: readonly Named<T>[], serverName: string): T | undefined => {
  const exact = all.find(({ dns }) => dns.includes(serverName));
  const covering = exact ?? all.find(({ dns }) => dns.some((name) => coversName(name, serverName)));
  return (covering ?? all[0])?.value;
};
