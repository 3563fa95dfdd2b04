import type { Diagnostic } from '@weft/base/diagnostic';
import { errors } from '@weft/base/errors';
import type { StoreState } from '../store/mesh-store.ts';

/** One row of `/debug/status`: what became of an object, and what its author should know. */
export interface ObjectStatus {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /**
   * `valid` in force as written · `frozen` its last good version is · `setAside` not in force · `failedClosed` a
   * security object that is not in force: what it selects is denied
   */
  readonly state: 'valid' | 'frozen' | 'setAside' | 'failedClosed';
  readonly diagnostics: readonly Diagnostic[];
}

export const objectStatus = ({ load, diagnostics }: StoreState): ObjectStatus[] => {
  const rows = new Map<
    string,
    { kind: string; namespace: string; name: string; inForce: boolean; diagnostics: Diagnostic[] }
  >();
  const row = (of: { kind: string; namespace: string; name: string }) => {
    const key = `${of.kind}/${of.namespace}/${of.name}`;
    const known = rows.get(key);
    if (known) return known;
    const { kind, namespace, name } = of;
    const made = { kind, namespace, name, inForce: false, diagnostics: [] as Diagnostic[] };
    rows.set(key, made);
    return made;
  };
  for (const { object } of load.lastGood.objects.values()) row(object).inForce = true;
  for (const d of diagnostics) if (d.kind !== '') row(d).diagnostics.push(d);
  return [...rows.values()].map(({ inForce, ...rest }) => ({ ...rest, state: stateOf(inForce, rest.diagnostics) }));
};

const stateOf = (inForce: boolean, diagnostics: readonly Diagnostic[]): ObjectStatus['state'] => {
  const has = (code: string): boolean => diagnostics.some((d) => d.code === code);
  if (has(errors.failedClosed.code)) return 'failedClosed';
  if (has(errors.frozen.code)) return 'frozen';
  if (inForce) return 'valid';
  return diagnostics.some((d) => d.level === 'error') ? 'setAside' : 'valid';
};
