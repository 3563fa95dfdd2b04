import { httpRules, virtualServiceNamed } from '@weft/model/delegation';
import type { VirtualService } from '@weft/model/kinds/virtual-service';
import type { Mesh, MeshObject, Pod } from '@weft/model/mesh';
import { following } from '@weft/model/revision';
import { sidecarFor } from '@weft/model/sidecar-scope';
import { callerKey } from '../route/caller.ts';
import { dependentsIn } from '@weft/model/dependents';

type Rule = MeshObject<VirtualService>;

interface Lookers {
  /** VirtualServices that look at who calls, by `namespace/name`. */
  readonly rules: Map<string, Rule>;
  /** What has been found out since they last changed. */
  keys: WeakMap<Pod, string>;
}

const looksAtCaller = (mesh: Mesh, rule: Rule): boolean =>
  httpRules(mesh, rule).some(({ rule: { match } }) =>
    match?.some((m) => m.sourceNamespace || Object.keys(m.sourceLabels ?? {}).length > 0),
  );

const named = ({ namespace, name }: Rule): string => `${namespace}/${name}`;

const lookersIn = following<Lookers>(
  (mesh) => ({
    rules: new Map(mesh.virtualServices.filter((r) => looksAtCaller(mesh, r)).map((r) => [named(r), r])),
    keys: new WeakMap(),
  }),
  (lookers, { virtualServices, sidecars }, mesh) => {
    if (virtualServices.length === 0 && sidecars.length === 0) return;
    const look = (name: string): void => {
      const rule = virtualServiceNamed(mesh, name);
      if (rule && looksAtCaller(mesh, rule)) lookers.rules.set(name, rule);
      else lookers.rules.delete(name);
    };
    for (const { before, after } of virtualServices) {
      const name = named((after ?? before) as Rule);
      look(name);
      for (const root of dependentsIn(mesh).byDelegate.get(name)) look(named(root));
    }
    lookers.keys = new WeakMap();
  },
);

/**
 * Callers of one key see the same: those of a namespace, with one Sidecar, for whom the same conditions on callers hold. A key names the
 * rules that it is about, so that it means the same whichever others there are.
 */
export const viewKey = (mesh: Mesh, caller: Pod): string => {
  const { rules, keys } = lookersIn(mesh);
  const known = keys.get(caller);
  if (known !== undefined) return known;
  const conditions = [...rules].map(([name, rule]) => `${name}:${callerKey(httpRules(mesh, rule), caller)}`).sort();
  const sidecar = sidecarFor(mesh, caller);
  const key = [caller.namespace, ...(sidecar ? [`Sidecar ${numberOf(sidecar)}`] : []), ...conditions].join(' ');
  keys.set(caller, key);
  return key;
};

const numbers = new WeakMap<object, number>();
let last = 0;

/** A Sidecar that changes is another. */
const numberOf = (sidecar: object): number => {
  let number = numbers.get(sidecar);
  if (number === undefined) numbers.set(sidecar, (number = ++last));
  return number;
};
