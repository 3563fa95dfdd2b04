import { checkSelector } from './check-selector.ts';
import { formatPath, type Issue, showValue } from './issue.ts';
import type { AuthorizationPolicy, Condition, Operation, Rule, Source } from './kinds/authorization-policy.ts';
import { isIpBlock } from './kinds/host-name.ts';
import type { FieldPath } from './manifest-file.ts';
import { nearest } from './nearest.ts';

type Say = (path: FieldPath, message: string, hint?: string, error?: Issue['error']) => void;

/** What a schema cannot say: https://istio.io/latest/docs/reference/config/security/authorization-policy/ */
export const checkAuthorizationPolicy = (
  spec: AuthorizationPolicy,
  annotations: Readonly<Record<string, string>>,
): Issue[] => {
  const issues: Issue[] = checkSelector(spec.selector?.matchLabels);
  const say: Say = (path, message, hint = '', error = 'invalidValue') => {
    issues.push({ error, level: 'error', path, message: `${formatPath(path)} ${message}`, hint });
  };
  const custom = spec.action === 'CUSTOM';
  if (custom && !spec.provider?.name)
    say(['spec', 'provider', 'name'], 'is missing, action CUSTOM needs it', '', 'missingField');
  if (!custom && spec.provider) say(['spec', 'provider'], 'is allowed with action CUSTOM only');
  checkDryRun(spec, annotations, say);
  checkTargets(spec, say);
  spec.rules?.forEach((rule, i) => checkRule(rule, ['spec', 'rules', i], custom, say));
  return issues;
};

const DRY_RUN = 'istio.io/dry-run';

/** As Go reads a boolean. */
const BOOLEANS = new Set(['1', 't', 'T', 'true', 'TRUE', 'True', '0', 'f', 'F', 'false', 'FALSE', 'False']);

/** Whether a policy is only tried out: it denies nothing. */
export const isDryRun = (annotations: Readonly<Record<string, string>>): boolean =>
  /^(1|t|true)$/i.test(annotations[DRY_RUN] ?? '');

const checkDryRun = (spec: AuthorizationPolicy, annotations: Readonly<Record<string, string>>, say: Say): void => {
  const dryRun = annotations[DRY_RUN];
  if (dryRun === undefined) return;
  const path = ['metadata', 'annotations', DRY_RUN];
  if (!BOOLEANS.has(dryRun)) say(path, `is ${showValue(dryRun)}, must be true or false`);
  if (spec.action === 'CUSTOM' || spec.action === 'AUDIT') say(path, `is not allowed with action ${spec.action}`);
};

const TARGETS = new Set([
  '/Service',
  'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
]);

const checkTargets = (spec: AuthorizationPolicy, say: Say): void => {
  const refs = [
    ...(spec.targetRef ? [{ ref: spec.targetRef, path: ['spec', 'targetRef'] }] : []),
    ...(spec.targetRefs ?? []).map((ref, i) => ({ ref, path: ['spec', 'targetRefs', i] })),
  ];
  if (refs.length > 0 && spec.selector) say(['spec', 'selector'], 'is not allowed beside targetRefs');
  if (spec.targetRef && spec.targetRefs?.length) say(['spec', 'targetRef'], 'is not allowed beside targetRefs');
  for (const { ref, path } of refs) {
    const group = ref.group === 'core' ? '' : (ref.group ?? '');
    if (!TARGETS.has(`${group}/${ref.kind}`))
      say(path, `is a ${group}/${ref.kind}, must be a Service, ServiceEntry, Gateway or GatewayClass`);
    if (ref.namespace) say([...path, 'namespace'], 'is not allowed: a policy attaches to its own namespace only');
  }
};

const checkRule = (rule: Rule, path: FieldPath, custom: boolean, say: Say): void => {
  for (const part of ['from', 'to', 'when'] as const)
    if (rule[part]?.length === 0) say([...path, part], 'is empty', `leave ${part} out to match everything`);
  rule.from?.forEach(({ source }, i) => checkSource(source, [...path, 'from', i, 'source'], custom, say));
  rule.to?.forEach(({ operation }, i) => checkOperation(operation, [...path, 'to', i, 'operation'], say));
  rule.when?.forEach((condition, i) => checkCondition(condition, [...path, 'when', i], custom, say));
};

/** What an external authorizer's policy cannot depend on, as Istio's. */
const NOT_IN_CUSTOM = /^(not)?(namespaces|principals|requestPrincipals|serviceAccounts|trustDomains)$/i;
const NOT_IN_CUSTOM_KEYS = /^(source\.(namespace|principal|serviceAccount|trustDomain)|request\.auth\.)/;

const checkSource = (source: Source | undefined, path: FieldPath, custom: boolean, say: Say): void => {
  if (!checkLists(source, path, say)) return;
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    checkIps(source[field], [...path, field], say);
  if (custom)
    for (const field of Object.keys(source))
      if (NOT_IN_CUSTOM.test(field)) say([...path, field], 'is not allowed with action CUSTOM');
  if (
    (source.serviceAccounts || source.notServiceAccounts) &&
    (source.principals || source.notPrincipals || source.namespaces || source.notNamespaces)
  )
    say([...path, 'serviceAccounts'], 'is not allowed beside principals or namespaces');
};

const checkOperation = (operation: Operation | undefined, path: FieldPath, say: Say): void => {
  if (!checkLists(operation, path, say)) return;
  for (const field of ['ports', 'notPorts'] as const) checkPorts(operation[field], [...path, field], say);
};

/** Whether there is something to check further. An empty list could be read as "any" or "none": it is refused. */
const checkLists = <T extends Source | Operation>(part: T | undefined, path: FieldPath, say: Say): part is T => {
  const lists = Object.entries(part ?? {}).flatMap(([field, list]): [string, string[]][] =>
    list ? [[field, list]] : [],
  );
  if (lists.length === 0) {
    say(path, part === undefined ? 'is missing' : 'is empty', '', 'missingField');
    return false;
  }
  for (const [field, list] of lists) {
    if (list.length === 0) say([...path, field], 'is empty', 'leave it out to match everything');
    list.forEach((value, i) => {
      if (value === '') say([...path, field, i], 'is an empty string');
    });
  }
  return true;
};

const checkIps = (blocks: readonly string[] | undefined, path: FieldPath, say: Say): void =>
  blocks?.forEach((block, i) => {
    if (!isIpBlock(block)) say([...path, i], `is ${showValue(block)}, which is neither an IP address nor a CIDR block`);
  });

const checkPorts = (ports: readonly string[] | undefined, path: FieldPath, say: Say): void =>
  ports?.forEach((port, i) => {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
      say([...path, i], `is ${showValue(port)}, which is not a port`);
  });

/** https://istio.io/latest/docs/reference/config/security/conditions/ */
const KEYS = [
  'source.ip source.namespace source.principal source.serviceAccount source.trustDomain remote.ip',
  'request.auth.principal request.auth.audiences request.auth.presenter',
  'destination.ip destination.port connection.sni',
].flatMap((line) => line.split(' '));
const KEYS_WITH_NAME =
  /^(request\.headers\[[^\]]+\]|request\.auth\.claims(\[[^\]]+\])+|experimental\.envoy\.filters\..+\[.+\])$/;

const checkCondition = ({ key, values, notValues }: Condition, path: FieldPath, custom: boolean, say: Say): void => {
  if (!KEYS.includes(key) && !KEYS_WITH_NAME.test(key)) {
    const meant = nearest(key, [...KEYS, 'request.headers[...]', 'request.auth.claims[...]']);
    say([...path, 'key'], `is ${showValue(key)}, which is not an attribute`, meant ? `did you mean ${meant}?` : '');
  }
  if (custom && NOT_IN_CUSTOM_KEYS.test(key))
    say([...path, 'key'], `is ${showValue(key)}, not allowed with action CUSTOM`);
  if (!values?.length && !notValues?.length) say(path, 'has neither values nor notValues', '', 'missingField');
  for (const [field, list] of [
    ['values', values],
    ['notValues', notValues],
  ] as const) {
    list?.forEach((value, i) => {
      if (value === '') say([...path, field, i], 'is an empty string');
    });
    if (key.endsWith('.ip')) checkIps(list, [...path, field], say);
    if (key === 'destination.port') checkPorts(list, [...path, field], say);
  }
};
