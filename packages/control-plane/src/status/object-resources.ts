import type { ObjectRef } from '@weft/base/diagnostic';
import { objectKey } from '@weft/model/identify';
import type { Mesh } from '@weft/model/mesh';
import { originsOf } from '@weft/translate/origin';
import type { ResourceSet } from '@weft/translate/translate';
import { typeUrls } from '@weft/xds-api/type-urls';
import type { Nack, ProxySession } from '../serving/proxy-sessions.ts';

/** A resource of a proxy by which an object reaches it. */
export interface ObjectResource {
  readonly typeUrl: string;
  readonly name: string;
}

type ByObject = ReadonlyMap<string, readonly ObjectResource[]>;

/** The resources that a set of them makes of each object, by `Kind/namespace/name`. Sets are known by identity. */
export const resourcesByObject = (set: ResourceSet, mesh: Mesh): ByObject => {
  const known = memory.get(set);
  if (known) return known;
  const found = new Map<string, ObjectResource[]>();
  for (const [field, typeUrl] of FIELDS)
    for (const resource of set[field]) {
      const name = nameOf(resource);
      for (const { kind, namespace, name: of } of [...originsOf(resource), ...serviceOf(typeUrl, name, mesh)]) {
        const key = objectKey(kind, namespace, of);
        const list = found.get(key);
        if (list) list.push({ typeUrl, name });
        else found.set(key, [{ typeUrl, name }]);
      }
    }
  memory.set(set, found);
  return found;
};

/** The objects of which the resource that a proxy refused was made, if it is still served. */
export const nackOrigins = ({ translated }: ProxySession, { typeUrl, resourceName }: Nack): readonly ObjectRef[] => {
  const field = FIELDS.find(([, url]) => url === typeUrl)?.[0];
  if (!field) return [];
  const refused = [...translated.own[field], ...translated.shared[field]].find((r) => nameOf(r) === resourceName);
  return refused ? originsOf(refused) : [];
};

const memory = new WeakMap<ResourceSet, ByObject>();

const FIELDS = [
  ['listeners', typeUrls.listener],
  ['routes', typeUrls.routeConfiguration],
  ['virtualHosts', typeUrls.virtualHost],
  ['clusters', typeUrls.cluster],
  ['endpoints', typeUrls.clusterLoadAssignment],
] as const;

const nameOf = (resource: { readonly name?: string } | { readonly clusterName?: string }): string =>
  ('clusterName' in resource ? resource.clusterName : (resource as { name?: string }).name) ?? '';

/** Endpoints say their service by the cluster's name alone. */
const serviceOf = (typeUrl: string, name: string, mesh: Mesh): readonly ObjectRef[] => {
  if (typeUrl !== typeUrls.clusterLoadAssignment) return [];
  const service = mesh.services.get(name.slice(name.lastIndexOf('|') + 1));
  return service ? [{ kind: 'Service', namespace: service.namespace, name: service.name }] : [];
};
