import type { HTTPMatchRequest } from './kinds/http-match.ts';
import type { HTTPRoute } from './kinds/http-route.ts';
import type { StringMatch } from './kinds/string-match.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { Mesh, MeshObject } from './mesh.ts';
import { following } from './revision.ts';
import { isVisible } from './visibility.ts';

type Rule = MeshObject<VirtualService>;

/** An HTTP rule as it applies, and where it is written: short names in it mean services of that object's namespace. */
export interface HttpRule {
  readonly rule: HTTPRoute;
  readonly of: Rule;
  readonly index: number;
}

/** Why a rule that delegates, or one of a delegate's rules, is left out. */
export interface DelegationProblem {
  readonly kind: 'missing' | 'invisible' | 'hosts' | 'conflict';
  /** Of the rule in the root. */
  readonly index: number;
  readonly delegate: string;
  /** conflict: the rule in the delegate. */
  readonly rule?: { readonly of: Rule; readonly index: number };
}

interface Delegated {
  readonly delegates: readonly (Rule | undefined)[];
  readonly rules: readonly HttpRule[];
  readonly problems: readonly DelegationProblem[];
}

/**
 * The HTTP rules of a VirtualService, those that delegate replaced by the delegate's. One level only: a delegate's rule
 * that delegates again is left out. The same array as long as root and delegates are the same objects.
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
 */
export const httpRules = (mesh: Mesh, root: Rule): readonly HttpRule[] => resolve(mesh, root).rules;

export const delegationProblems = (mesh: Mesh, root: Rule): readonly DelegationProblem[] =>
  resolve(mesh, root).problems;

/** Without hosts it is there for others to delegate to. */
export const isDelegate = (spec: VirtualService): boolean => !spec.hosts?.length;

const resolved = new WeakMap<Rule, Delegated>();

const named = ({ namespace, name }: Rule): string => `${namespace}/${name}`;

const byName = following<Map<string, Rule>>(
  (mesh) => new Map(mesh.virtualServices.map((rule) => [named(rule), rule])),
  (index, { virtualServices }) => {
    for (const { before, after } of virtualServices) {
      if (after) index.set(named(after), after);
      else if (before) index.delete(named(before));
    }
  },
);

const resolve = (mesh: Mesh, root: Rule): Delegated => {
  const delegates = (root.spec.http ?? []).filter((r) => r.delegate).map((r) => delegateOf(mesh, root, r));
  const known = resolved.get(root);
  if (known && known.delegates.every((d, i) => d === delegates[i])) return known;
  const problems: DelegationProblem[] = [];
  const rules = (root.spec.http ?? []).flatMap((rule, index): HttpRule[] => {
    if (!rule.delegate) return [{ rule, of: root, index }];
    const delegate = delegateOf(mesh, root, rule);
    const name = delegateName(root, rule);
    if (!delegate) problems.push({ kind: 'missing', index, delegate: name });
    else if (!isDelegate(delegate.spec)) problems.push({ kind: 'hosts', index, delegate: name });
    else if (!isVisible(delegate.spec.exportTo, delegate.namespace, root.namespace))
      problems.push({ kind: 'invisible', index, delegate: name });
    else
      return (delegate.spec.http ?? []).flatMap((own, i): HttpRule[] => {
        if (own.delegate) return [];
        const match = intersect(rule.match, own.match);
        if (match) return [{ rule: inherit(rule, own, match), of: delegate, index: i }];
        problems.push({ kind: 'conflict', index, delegate: name, rule: { of: delegate, index: i } });
        return [];
      });
    return [];
  });
  const result = { delegates, rules, problems };
  resolved.set(root, result);
  return result;
};

const delegateName = (root: Rule, { delegate }: HTTPRoute): string =>
  `${delegate?.namespace || root.namespace}/${delegate?.name ?? ''}`;

const delegateOf = (mesh: Mesh, root: Rule, rule: HTTPRoute): Rule | undefined =>
  byName(mesh).get(delegateName(root, rule));

/** `namespace/name` of the VirtualServices that one delegates to. */
export const delegatesOf = (root: Rule): string[] =>
  (root.spec.http ?? []).filter((rule) => rule.delegate).map((rule) => delegateName(root, rule));

/** By `namespace/name`. */
export const virtualServiceNamed = (mesh: Mesh, name: string): Rule | undefined => byName(mesh).get(name);

/** What the delegate's rule does not say, the root's does. */
const inherit = (root: HTTPRoute, own: HTTPRoute, match: readonly HTTPMatchRequest[]): HTTPRoute => {
  const { delegate: _delegate, ...rest } = root;
  const name = joinNames(root.name, own.name);
  const mirrors = own.mirror || own.mirrors ? { mirror: undefined, mirrors: undefined } : {};
  return { ...rest, ...mirrors, ...own, match: [...match], ...(name && { name }) };
};

const joinNames = (root: string | undefined, own: string | undefined): string => [root, own].filter(Boolean).join('-');

/**
 * Both must hold. Every match of the delegate has to be narrower than one of the root's, or the rule is left out:
 * undefined.
 */
const intersect = (
  root: readonly HTTPMatchRequest[] | undefined,
  own: readonly HTTPMatchRequest[] | undefined,
): readonly HTTPMatchRequest[] | undefined => {
  if (!root?.length) return own ?? [];
  if (!own?.length) return root;
  const all = own.map((match) => root.filter((r) => isWithin(r, match)).map((r) => both(r, match)));
  return all.some((merged) => merged.length === 0) ? undefined : all.flat();
};

const WHOLE = ['uri', 'scheme', 'method', 'authority'] as const;
const MAPS = ['headers', 'withoutHeaders', 'queryParams'] as const;

const isWithin = (root: HTTPMatchRequest, own: HTTPMatchRequest): boolean =>
  WHOLE.every((field) => isNarrower(root[field], own[field])) &&
  MAPS.every((field) => Object.entries(own[field] ?? {}).every(([name, m]) => isNarrower(root[field]?.[name], m))) &&
  (root.ignoreUriCase ?? false) === (own.ignoreUriCase ?? false) &&
  (root.port === undefined || own.port === undefined || root.port === own.port) &&
  (!root.sourceNamespace || !own.sourceNamespace || root.sourceNamespace === own.sourceNamespace) &&
  Object.entries(own.sourceLabels ?? {}).every(([key, value]) => (root.sourceLabels?.[key] ?? value) === value);

/** Regular expressions cannot be compared, so two conditions on one thing must both do without. */
const isNarrower = (root: StringMatch | undefined, own: StringMatch | undefined): boolean => {
  if (!root || !own) return true;
  if (root.regex !== undefined || own.regex !== undefined) return false;
  if (root.exact !== undefined) return own.exact === root.exact;
  return root.prefix !== undefined && (own.exact ?? own.prefix ?? '').startsWith(root.prefix);
};

const both = (root: HTTPMatchRequest, own: HTTPMatchRequest): HTTPMatchRequest => {
  const name = joinNames(root.name, own.name);
  const merged: HTTPMatchRequest = { ...root, ...own, ...(name && { name }) };
  for (const field of MAPS) if (root[field] || own[field]) merged[field] = { ...root[field], ...own[field] };
  if (root.sourceLabels || own.sourceLabels) merged.sourceLabels = { ...root.sourceLabels, ...own.sourceLabels };
  return merged;
};
