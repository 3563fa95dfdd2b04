import type { Mesh } from './mesh.ts';

/**
 * The fully qualified host of a name in an Istio object: a name without a dot is a service of the object's own
 * namespace; every other name stands for itself, as in Istio.
 */
export const resolveHost = (name: string, namespace: string, mesh: Pick<Mesh, 'domainSuffix'>): string =>
  name.includes('.') || name.includes('*') ? name : `${name}.${namespace}.svc.${mesh.domainSuffix}`;

export const isWildcard = (host: string): boolean => host.startsWith('*');

/** Whether a host with an optional leading `*` covers another, which may have one too (`*.com` covers `*.a.com`). */
export const hostCovers = (pattern: string, host: string): boolean => {
  if (!isWildcard(pattern)) return pattern === host;
  const suffix = pattern.slice(1);
  return (isWildcard(host) ? host.slice(1) : host).endsWith(suffix) && host.length >= pattern.length;
};
