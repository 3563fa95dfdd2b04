import type { ObjectRef } from '@weft/base/diagnostic';

/**
 * Which objects a resource was made of, read back from what translation writes into it: `filterMetadata.weft` (the object
 * whose rule a route or cluster is), `filterMetadata.istio.services`, and the names of RBAC policies. Memoised by identity.
 */
export const originsOf = (resource: object): readonly ObjectRef[] => {
  const known = memory.get(resource);
  if (known) return known;
  const found = new Map<string, ObjectRef>();
  collect(resource, found);
  const origins = [...found.values()];
  memory.set(resource, origins);
  return origins;
};

const memory = new WeakMap<object, readonly ObjectRef[]>();

type Json = Readonly<Record<string, unknown>>;

const collect = (value: unknown, found: Map<string, ObjectRef>): void => {
  if (Array.isArray(value)) for (const item of value) collect(item, found);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const object = value as Json;
  const metadata = (object.metadata as { readonly filterMetadata?: Json } | undefined)?.filterMetadata;
  if (metadata) ofMetadata(metadata, found);
  const policies = (object.rules as { readonly policies?: Json } | undefined)?.policies;
  for (const name of Object.keys(policies ?? {})) ofPolicy(name, found);
  for (const key in object) collect(object[key], found);
};

const ofMetadata = ({ weft, istio }: Json, found: Map<string, ObjectRef>): void => {
  if (isRef(weft)) add(weft, found);
  const services = (istio as { readonly services?: readonly Json[] } | undefined)?.services;
  for (const { name, namespace } of services ?? []) {
    const ref = { kind: 'Service', namespace, name };
    if (isRef(ref)) add(ref, found);
  }
};

const POLICY = /^ns\[(.+)\]-policy\[(.+)\]-/;

const ofPolicy = (text: string, found: Map<string, ObjectRef>): void => {
  const [, namespace, name] = POLICY.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) add({ kind: 'AuthorizationPolicy', namespace, name }, found);
};

const add = ({ kind, namespace, name }: ObjectRef, found: Map<string, ObjectRef>): void => {
  found.set(`${kind}/${namespace}/${name}`, { kind, namespace, name });
};

const isRef = (value: unknown): value is ObjectRef => {
  const { kind, namespace, name } = (value ?? {}) as Json;
  return typeof kind === 'string' && typeof namespace === 'string' && typeof name === 'string';
};
