import { createHash } from 'node:crypto';
import type { Diagnostic, ObjectRef } from '@weft/base/diagnostic';
import { errors } from '@weft/base/errors';
import { objectKey } from '@weft/model/identify';
import type { StoreState } from '../store/mesh-store.ts';
import { countProxies, type ObjectAtProxy, objectAtProxies, type ProxyCount } from './object-proxies.ts';
import type { StatusSources } from './sync-status.ts';

/** One row of `/debug/status`: what became of an object, and what its author should know. */
export interface ObjectStatus extends ObjectRef {
  /**
   * `valid` in force as written · `frozen` its last good version is · `setAside` not in force · `failedClosed` a
   * security object that is not in force: what it selects is denied · `refused` in force, but a proxy refused what is
   * made of it and goes on with the last version that it accepted
   */
  readonly state: 'valid' | 'frozen' | 'setAside' | 'failedClosed' | 'refused';
  /** Of what is in force: a hash of the object. Empty where nothing is. */
  readonly version: string;
  /** Whom it concerns, by the resources that are made of it. */
  readonly proxies: ProxyCount;
  readonly diagnostics: readonly Diagnostic[];
}

/** An object with the proxies that it concerns. */
export interface ObjectDetail extends ObjectStatus {
  readonly atProxies: readonly ObjectAtProxy[];
}

export const objectStatus = (state: StoreState, sources: StatusSources): ObjectStatus[] => {
  const counts = countProxies(sources);
  return [...rowsOf(state).values()].map((row) => finish(row, counts.get(row.key)));
};

/** Undefined if there is no such object. */
export const objectDetail = (state: StoreState, ref: ObjectRef, sources: StatusSources): ObjectDetail | undefined => {
  const row = rowsOf(state).get(objectKey(ref.kind, ref.namespace, ref.name));
  if (!row) return undefined;
  const atProxies = objectAtProxies(ref, sources);
  return {
    ...finish(row, {
      concerned: atProxies.length,
      acknowledged: atProxies.filter((p) => p.acknowledged).length,
      refused: atProxies.filter((p) => p.resources.some((r) => r.refusal !== '')).length,
    }),
    atProxies,
  };
};

interface Row {
  readonly key: string;
  readonly ref: ObjectRef;
  version: string;
  readonly diagnostics: Diagnostic[];
}

const rowsOf = ({ load, diagnostics }: StoreState): ReadonlyMap<string, Row> => {
  const rows = new Map<string, Row>();
  const rowOf = ({ kind, namespace, name }: ObjectRef): Row => {
    const key = objectKey(kind, namespace, name);
    let row = rows.get(key);
    if (!row) rows.set(key, (row = { key, ref: { kind, namespace, name }, version: '', diagnostics: [] }));
    return row;
  };
  for (const { object } of load.lastGood.objects.values()) rowOf(object).version = versionOf(object.manifest);
  for (const d of diagnostics) if (d.kind !== '') rowOf(d).diagnostics.push(d);
  return rows;
};

const versions = new WeakMap<object, string>();

const versionOf = (manifest: object): string => {
  let version = versions.get(manifest);
  if (version === undefined) {
    version = createHash('sha256').update(JSON.stringify(manifest)).digest('hex').slice(0, 12);
    versions.set(manifest, version);
  }
  return version;
};

const NO_PROXIES: ProxyCount = { concerned: 0, acknowledged: 0, refused: 0 };

const finish = ({ ref, version, diagnostics }: Row, proxies: ProxyCount = NO_PROXIES): ObjectStatus => {
  const state = stateOf(version !== '', diagnostics);
  return { ...ref, state: state === 'valid' && proxies.refused > 0 ? 'refused' : state, version, proxies, diagnostics };
};

const stateOf = (inForce: boolean, diagnostics: readonly Diagnostic[]): ObjectStatus['state'] => {
  const has = (code: string): boolean => diagnostics.some((d) => d.code === code);
  if (has(errors.failedClosed.code)) return 'failedClosed';
  if (has(errors.frozen.code)) return 'frozen';
  if (inForce) return 'valid';
  return diagnostics.some((d) => d.level === 'error') ? 'setAside' : 'valid';
};
