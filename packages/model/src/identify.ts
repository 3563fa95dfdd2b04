import type { ObjectRef } from '@weft/base/diagnostic';
import { ownGroups } from './api-groups.ts';
import { type Issue, showValue } from './issue.ts';
import { type Identified, isRecord, splitApiVersion } from './manifest-object.ts';
import { isInstance } from './read-pod.ts';

/** Groups whose kinds go by their bare name in keys and messages. */
const PLAIN_GROUPS = new Set(['', 'apps', 'networking.istio.io', 'security.istio.io']);

/** RFC 1123, as Kubernetes takes names: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Kinds without a namespace. */
const CLUSTER_SCOPED = new Set(['Namespace', 'GatewayClass']);

export type Identification =
  | { readonly object: Identified; readonly issue?: undefined }
  | { readonly object?: undefined; readonly issue: Issue; readonly ref: ObjectRef };

/** Finds out what a document says it is. */
export const identify = (value: unknown): Identification => {
  if (!isRecord(value)) return problem({}, 'notAnObject', `the document is ${showValue(value)}, not an object`);
  const { apiVersion, kind } = value;
  const meta = isRecord(value.metadata) ? value.metadata : {};
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !apiVersion || !kind) {
    const lacking = typeof apiVersion === 'string' && apiVersion ? 'kind' : 'apiVersion';
    const ours = (typeof kind === 'string' && kind) || (typeof apiVersion === 'string' && isOurs(apiVersion));
    return problem(value, 'notAnObject', `the document has no ${lacking}`, ours ? 'error' : 'warning');
  }
  const { name, namespace } = meta;
  const { group, version } = splitApiVersion(apiVersion);
  if (typeof name !== 'string' || name === '') {
    if (!isOurs(apiVersion) || group === 'install.istio.io')
      return { object: identified(group, version, kind, '', typeof namespace === 'string' ? namespace : '', value) };
    return problem(value, 'missingField', 'metadata.name is missing');
  }
  if (namespace !== undefined && namespace !== null && (typeof namespace !== 'string' || namespace === ''))
    return problem(value, 'invalidValue', `metadata.namespace is ${showValue(namespace)}, must be a name`);
  if (isOurs(apiVersion)) {
    const wrong = (what: string, of: string, form: string): Identification =>
      problem(value, 'invalidValue', `metadata.${what} is ${showValue(of)}, must be ${form}`, 'error', what);
    if (name.length > 253 || !SUBDOMAIN.test(name))
      return wrong(
        'name',
        name,
        'lower-case letters, digits, "-" and ".", at most 253, a letter or digit at both ends',
      );
    if (namespace && (namespace.length > 63 || !LABEL.test(namespace)))
      return wrong(
        'namespace',
        namespace,
        'lower-case letters, digits and "-", at most 63, a letter or digit at both ends',
      );
  }
  return { object: identified(group, version, kind, name, namespace ?? 'default', value) };
};

const identified = (
  group: string,
  version: string,
  kind: string,
  name: string,
  namespace: string,
  manifest: Record<string, unknown>,
): Identified => {
  const scope = CLUSTER_SCOPED.has(kind) ? '' : namespace;
  const prefix = PLAIN_GROUPS.has(group) ? '' : `${group}/`;
  const suffix = kind === 'Pod' && group === '' && isInstance(manifest) ? ' (instance)' : '';
  return {
    key: `${prefix}${objectKey(kind, scope, name)}${suffix}`,
    group,
    version,
    kind,
    namespace: scope,
    name,
    manifest,
  };
};

export const objectKey = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

const isOurs = (apiVersion: string): boolean => {
  const { group } = splitApiVersion(apiVersion);
  return apiVersion === 'v1' || apiVersion === 'apps/v1' || Object.hasOwn(ownGroups, group);
};

const problem = (
  value: Record<string, unknown>,
  error: Issue['error'],
  message: string,
  level: Issue['level'] = 'error',
  field = 'namespace',
): Identification => {
  const meta = isRecord(value.metadata) ? value.metadata : {};
  const text = (field: unknown, fallback: string): string => (typeof field === 'string' ? field : fallback);
  const ref = {
    kind: text(value.kind, ''),
    namespace: text(meta.namespace, 'default'),
    name: text(meta.name, ''),
  };
  const path = error === 'notAnObject' ? [] : error === 'missingField' ? ['metadata'] : ['metadata', field];
  return { issue: { error, level, path, message }, ref };
};
