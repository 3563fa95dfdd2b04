import type { ObjectRef } from '@weft/base/diagnostic';
import { objectKey } from '@weft/model/identify';
import { resourcesOf } from '@weft/xds/snapshot';
import { resourcesByObject, type ObjectResource } from './object-resources.ts';
import { shortType } from './push-metrics.ts';
import { proxyName, type StatusSources } from './sync-status.ts';
import type { ProxySession } from '../serving/proxy-sessions.ts';

/** How far an object has come with one proxy that it concerns. */
export interface ObjectAtProxy {
  /** `POD.NAMESPACE` */
  readonly proxy: string;
  /** Whether the proxy has acknowledged all resources of the object in their present versions. */
  readonly acknowledged: boolean;
  readonly resources: readonly {
    readonly type: string;
    readonly name: string;
    /** As it is now; null where it is no longer. */
    readonly version: string | null;
    /** What the proxy has acknowledged; null for nothing. */
    readonly ackedVersion: string | null;
    /** Why the proxy refused the present version; empty if it did not. */
    readonly refusal: string;
  }[];
}

/** The proxies that an object concerns, by the resources that are made of it and that they ask for. */
export const objectAtProxies = (ref: ObjectRef, sources: StatusSources): ObjectAtProxy[] => {
  const { mesh, sessions, states } = sources;
  if (!mesh) return [];
  const key = objectKey(ref.kind, ref.namespace, ref.name);
  return sessions.flatMap((session) => {
    const named = resourcesOfSession(session, sources).flatMap((byObject) => byObject.get(key) ?? []);
    const byType = new Map(states(session.connection.id).map((s) => [s.typeUrl, s]));
    const resources = named
      .filter(({ typeUrl, name }) => byType.get(typeUrl)?.covers(name))
      .map(({ typeUrl, name }) => ({
        type: shortType(typeUrl),
        name,
        version: resourcesOf(session.snapshot, typeUrl).get(name)?.version ?? null,
        ackedVersion: byType.get(typeUrl)?.heldVersion(name) ?? null,
        refusal: session.nacks.get(`${typeUrl} ${name}`)?.message ?? '',
      }));
    if (resources.length === 0) return [];
    return [
      { proxy: proxyName(session), acknowledged: resources.every((r) => r.version === r.ackedVersion), resources },
    ];
  });
};

/** Of each object (`Kind/namespace/name`) how many proxies it concerns, and at how many it has arrived. */
export const countProxies = (sources: StatusSources): ReadonlyMap<string, ProxyCount> => {
  const counts = new Map<string, { concerned: number; acknowledged: number; refused: number }>();
  for (const session of sources.sessions) {
    const byType = new Map(sources.states(session.connection.id).map((s) => [s.typeUrl, s]));
    const wanted = (r: ObjectResource): boolean => byType.get(r.typeUrl)?.covers(r.name) === true;
    const behind = (r: ObjectResource): boolean =>
      byType.get(r.typeUrl)?.heldVersion(r.name) !== resourcesOf(session.snapshot, r.typeUrl).get(r.name)?.version;
    const synced = session.syncedVersion === session.snapshot.version && session.nacks.size === 0;
    const seen = new Map<string, ObjectResource[]>();
    for (const byObject of resourcesOfSession(session, sources))
      for (const [key, list] of byObject) seen.set(key, [...(seen.get(key) ?? []), ...list]);
    for (const [key, list] of seen) {
      const own = list.filter(wanted);
      if (own.length === 0) continue;
      let count = counts.get(key);
      if (!count) counts.set(key, (count = { concerned: 0, acknowledged: 0, refused: 0 }));
      count.concerned += 1;
      if (synced || !own.some(behind)) count.acknowledged += 1;
      if (own.some((r) => session.nacks.has(`${r.typeUrl} ${r.name}`))) count.refused += 1;
    }
  }
  return counts;
};

export interface ProxyCount {
  readonly concerned: number;
  readonly acknowledged: number;
  /** Proxies that refused a resource made of it. */
  readonly refused: number;
}

const resourcesOfSession = ({ translated }: ProxySession, { mesh }: StatusSources) =>
  mesh ? [resourcesByObject(translated.shared, mesh), resourcesByObject(translated.own, mesh)] : [];
