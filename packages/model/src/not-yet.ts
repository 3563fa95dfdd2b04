import { compileHeaderFormat } from '@weft/telemetry/access-log';
import { type Issue, formatPath, showValue } from './issue.ts';
import type { FieldPath } from './manifest-file.ts';
import { isRecord } from './manifest-object.ts';

/** A field that weft understands and does not implement yet. */
export interface NotYet {
  readonly kind: string;
  /** `[]` stands for every item of a list, `*` for every key of a map. */
  readonly path: string;
  /** Which values of the field are meant; left out, all. */
  readonly values?: (value: unknown) => boolean;
  /** What the field would do; completes "... is not implemented yet". */
  readonly what: string;
  /** The issue that brings it; null where none is planned yet. */
  readonly issue: number | null;
  /**
   * ignored: a warning, the rest of the object is in force. condition: an error; the rule's condition never matches in
   * ALLOW and always in DENY. object: an error; the object is treated as invalid.
   */
  readonly effect: 'ignored' | 'condition' | 'object';
  /** A value that brings up the diagnostic; the test tries each. */
  readonly example: unknown;
}

const ignored = (
  kind: string,
  path: string,
  what: string,
  issue: number | null,
  example: unknown,
  values?: NotYet['values'],
): NotYet => ({
  kind,
  path,
  what,
  issue,
  effect: 'ignored',
  example,
  ...(values && { values }),
});

const oneOf =
  (...names: string[]) =>
  (value: unknown): boolean =>
    names.includes(value as string);

const startsWith =
  (...prefixes: string[]) =>
  (value: unknown): boolean =>
    typeof value === 'string' && prefixes.some((prefix) => value.startsWith(prefix));

const VS = 'VirtualService';

const virtualService: readonly NotYet[] = [
  ignored(VS, 'spec.gateways[]', 'routing on a gateway', null, 'ingress', (name) => name !== 'mesh'),
  ignored(VS, 'spec.tcp[].match[].sourceSubnet', 'choosing TCP routes by the caller’s address', null, '10.0.0.0/8'),
  ignored(VS, 'spec.http[].fault.delay.exponentialDelay', 'delays that grow', null, '1s'),
  ignored(VS, 'spec.http[].fault.abort.http2Error', 'aborting a stream of HTTP/2', null, 'REFUSED_STREAM'),
  ignored(VS, 'spec.http[].retries.retryRemoteLocalities', 'retrying in other localities', null, true),
  ignored(VS, 'spec.http[].match[].statPrefix', 'statistics of one match', 4, 'reviews'),
];

/** `%HOSTNAME%` and the like; `%REQ(X)%` is understood. Our proxy refuses what it cannot expand, so the object is not used. */
const hasUnknownCommand = (value: unknown): boolean => {
  if (typeof value !== 'string') return false;
  try {
    compileHeaderFormat(value);
    return /%(HOSTNAME|ENVIRONMENT\()/.test(value);
  } catch {
    return true;
  }
};

const headerFormats: readonly NotYet[] = ['spec.http[].headers', 'spec.http[].route[].headers'].flatMap((path) =>
  ['request.set', 'request.add', 'response.set', 'response.add'].map(
    (operation): NotYet => ({
      ...ignored(
        VS,
        `${path}.${operation}.*`,
        'this command in the value of a header',
        4,
        '%HOSTNAME%',
        hasUnknownCommand,
      ),
      effect: 'object',
    }),
  ),
);

const DR = 'DestinationRule';

const policyPaths = ['spec.trafficPolicy', 'spec.subsets[].trafficPolicy'];

/** Fields of a traffic policy, wherever one stands. */
const inPolicy = (
  field: string,
  what: string,
  issue: number | null,
  example: unknown,
  values?: NotYet['values'],
): NotYet[] =>
  policyPaths
    .flatMap((path) => [path, `${path}.portLevelSettings[]`])
    .map((path) => ignored(DR, `${path}.${field}`, what, issue, example, values));

const onlyInTopPolicy = (field: string, what: string, issue: number | null, example: unknown): NotYet[] =>
  policyPaths.map((path) => ignored(DR, `${path}.${field}`, what, issue, example));

const destinationRule: readonly NotYet[] = [
  ...inPolicy(
    'loadBalancer.simple',
    'forwarding to the address that the caller dialled',
    null,
    'PASSTHROUGH',
    oneOf('PASSTHROUGH'),
  ),
  ...inPolicy('loadBalancer.consistentHash', 'choosing endpoints by hash', null, { httpHeaderName: 'x-user' }),
  ...inPolicy('loadBalancer.localityLbSetting', 'preferring endpoints of certain localities', null, { enabled: true }),
  ...inPolicy('loadBalancer.zoneAwareLbSetting', 'preferring endpoints of the same zone', null, { enabled: true }),
  ...inPolicy(
    'outlierDetection.outlierDetectionHttpErrorCodes',
    'choosing the status codes that are failures',
    null,
    [500],
  ),
  ...inPolicy(
    'tls.credentialName',
    'a client certificate from a secret of Kubernetes (nobody gets through)',
    null,
    'client',
  ),
  ...onlyInTopPolicy('tunnel', 'tunnels through a proxy', null, {
    protocol: 'CONNECT',
    targetHost: 'example.com',
    targetPort: 443,
  }),
  ...onlyInTopPolicy('retryBudget.budgetInterval', 'a budget of the requests of an interval', null, '10s'),
  ignored(
    DR,
    'spec.workloadSelector',
    'choosing the clients that a rule is for (until then it is for none)',
    null,
    { matchLabels: { app: 'reviews' } },
    hasLabels,
  ),
];

function hasLabels(selector: unknown): boolean {
  return isRecord(selector) && isRecord(selector.matchLabels) && Object.keys(selector.matchLabels).length > 0;
}

const SIDECAR = 'Sidecar';

const sidecar: readonly NotYet[] = [
  ignored(SIDECAR, 'spec.ingress', 'listeners for chosen ports', null, [{ port: { number: 80 } }]),
  ignored(SIDECAR, 'spec.egress[].port', 'a listener for some hosts (they are seen at all ports)', null, {
    number: 80,
  }),
  ignored(SIDECAR, 'spec.egress[].bind', 'the address of a listener', null, '127.0.0.1'),
  ignored(SIDECAR, 'spec.inboundConnectionPool', 'limits of incoming connections', null, {}),
  ignored(SIDECAR, 'spec.outboundTrafficPolicy.egressProxy', 'a proxy for hosts outside', null, { host: 'proxy' }),
];

const AP = 'AuthorizationPolicy';
const security = (
  effect: NotYet['effect'],
  path: string,
  what: string,
  issue: number | null,
  example: unknown,
  values?: NotYet['values'],
): NotYet => ({
  ...ignored(AP, path, what, issue, example, values),
  effect,
});

const authorizationPolicy: readonly NotYet[] = [
  security('object', 'spec.action', 'asking an external authorizer', null, 'CUSTOM', oneOf('CUSTOM')),
  security(
    'ignored',
    'spec.action',
    'logging what a policy would match (the policy has no effect)',
    null,
    'AUDIT',
    oneOf('AUDIT'),
  ),
  security('object', 'spec.targetRef', 'attaching a policy to a gateway or service', null, {
    kind: 'Service',
    name: 'reviews',
  }),
  security('object', 'spec.targetRefs', 'attaching a policy to a gateway or service', null, [
    { kind: 'Service', name: 'reviews' },
  ]),
  security('condition', 'spec.rules[].from[].source.requestPrincipals', 'the identity in a JSON Web Token', null, [
    '*',
  ]),
  security('condition', 'spec.rules[].from[].source.notRequestPrincipals', 'the identity in a JSON Web Token', null, [
    '*',
  ]),
  security(
    'condition',
    'spec.rules[].when[].key',
    'a condition on a JSON Web Token',
    null,
    'request.auth.claims[iss]',
    startsWith('request.auth.'),
  ),
  security(
    'condition',
    'spec.rules[].when[].key',
    'a condition on the metadata of Envoy’s filters',
    null,
    'experimental.envoy.filters.a[b]',
    startsWith('experimental.'),
  ),
  security(
    'condition',
    'spec.rules[].when[].key',
    'a condition on the caller’s trust domain (a source’s trustDomains are)',
    null,
    'source.trustDomain',
    oneOf('source.trustDomain'),
  ),
  security(
    'ignored',
    'metadata.annotations.istio\\.io/dry-run',
    'trying a policy out (the policy has no effect)',
    null,
    'true',
    (v) => typeof v === 'string' && /^(1|t|true)$/i.test(v),
  ),
];

const laptop: readonly NotYet[] = ['Deployment', 'Pod'].flatMap((kind) => {
  const spec = kind === 'Pod' ? 'spec' : 'spec.template.spec';
  return [
    ignored(
      kind,
      `${spec}.containers[].env[].valueFrom`,
      'an environment variable from elsewhere than the pod, on a laptop',
      null,
      { configMapKeyRef: { name: 'settings', key: 'color' } },
      (valueFrom) => !(typeof valueFrom === 'object' && valueFrom !== null && 'fieldRef' in valueFrom),
    ),
    ignored(kind, `${spec}.containers[].envFrom`, 'environment variables from elsewhere, on a laptop', null, [
      { configMapRef: { name: 'settings' } },
    ]),
    ignored(kind, `${spec}.initContainers`, 'containers that run before the others, on a laptop', null, [
      { name: 'init', image: 'init' },
    ]),
  ];
});

const service: readonly NotYet[] = [
  ignored('Service', 'spec.type', 'a name for a host outside the mesh', null, 'ExternalName', oneOf('ExternalName')),
];

/** All that is understood and not implemented, in one list. */
export const notYet: readonly NotYet[] = [
  ...virtualService,
  ...headerFormats,
  ...destinationRule,
  ...sidecar,
  ...authorizationPolicy,
  ...service,
  ...laptop,
];

/** What a valid object uses that is not implemented yet. */
export const findNotYet = (
  kind: string,
  manifest: Readonly<Record<string, unknown>>,
): { entry: NotYet; issue: Issue }[] =>
  notYet
    .filter((entry) => entry.kind === kind)
    .flatMap((entry) =>
      valuesAt(manifest, pathKeys(entry.path))
        .filter(({ value }) => !entry.values || entry.values(value))
        .map(({ path, value }) => ({ entry, issue: toIssue(entry, path, value) })),
    );

const toIssue = ({ what, effect }: NotYet, path: FieldPath, value: unknown): Issue => ({
  error: 'notYet',
  level: effect === 'ignored' ? 'warning' : 'error',
  path,
  message: `${formatPath(path)}${typeof value === 'object' ? '' : ` ${showValue(value)}`} (${what}) is not implemented yet`,
  hint: effect === 'condition' ? 'until then the condition never matches in ALLOW and always matches in DENY' : '',
});

/** `spec.http[].match` → spec, http, [], match; a dot in a key is written `\.`. */
export const pathKeys = (path: string): string[] =>
  path
    .replaceAll('[]', '.[]')
    .split(/(?<!\\)\./)
    .map((key) => key.replaceAll('\\.', '.'));

const valuesAt = (
  root: unknown,
  keys: readonly string[],
  at: FieldPath = [],
): { path: FieldPath; value: unknown }[] => {
  const [key, ...rest] = keys;
  if (key === undefined) return [{ path: at, value: root }];
  if (key === '[]') return Array.isArray(root) ? root.flatMap((item, i) => valuesAt(item, rest, [...at, i])) : [];
  if (key === '*')
    return isRecord(root) ? Object.keys(root).flatMap((name) => valuesAt(root[name], rest, [...at, name])) : [];
  if (!isRecord(root) || root[key] === undefined) return [];
  return valuesAt(root[key], rest, [...at, key]);
};
