import type { ObjectRef } from '@weft/base/diagnostic';
import { findKind } from './api-groups.ts';
import { isRecord, splitApiVersion } from './manifest-object.ts';
import type { DeniedSelection } from './mesh.ts';

/**
 * What is denied in place of a security object that could not be read: what its selector selects, or its whole
 * namespace where the selector itself is in doubt. `undefined` for a value that is not a security object.
 */
export const deniedSelection = (value: unknown, ref: ObjectRef, trusted: boolean): DeniedSelection | undefined => {
  if (!isRecord(value) || typeof value.kind !== 'string') return undefined;
  const { group, version } = splitApiVersion(typeof value.apiVersion === 'string' ? value.apiVersion : 'v1');
  const answer = findKind(group, version, value.kind);
  const security =
    answer.kind === 'known' ? answer.known.security : answer.kind === 'foreign' ? false : answer.security;
  if (!security || !selects(group, value.kind)) return undefined;
  return {
    kind: ref.kind,
    namespace: ref.namespace,
    name: ref.name,
    selector: trusted ? selectorOf(value.spec) : null,
  };
};

/** Linkerd's and SMI's other kinds grant access to what a Server protects; without them nothing is opened. */
const selects = (group: string, kind: string): boolean =>
  group === 'policy.linkerd.io' || group === 'access.smi-spec.io' ? kind === 'Server' : true;

/** The labels that an object selects; null if they cannot be read. No selector selects everything. */
const selectorOf = (spec: unknown): Readonly<Record<string, string>> | null => {
  if (spec === undefined) return {};
  if (!isRecord(spec)) return null;
  const unclear = Object.keys(spec).some((key) => !SPEC_FIELDS.has(key));
  const selector = spec.selector ?? spec.podSelector;
  if (selector === undefined) return unclear ? null : {};
  if (!isRecord(selector) || Object.keys(selector).some((key) => key !== 'matchLabels')) return null;
  const labels = selector.matchLabels ?? {};
  if (!isRecord(labels) || Object.values(labels).some((label) => typeof label !== 'string')) return null;
  return labels as Record<string, string>;
};

const SPEC_FIELDS = new Set(
  [
    'selector targetRef targetRefs rules action provider mtls portLevelMtls jwtRules',
    'podSelector port proxyProtocol accessPolicy',
  ].flatMap((line) => line.split(' ')),
);
