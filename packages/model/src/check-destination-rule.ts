import { formatPath, type Issue, showValue } from './issue.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import { hostProblem } from './kinds/host-name.ts';
import type { ClientTLSSettings, PortTrafficPolicy, TrafficPolicy } from './kinds/traffic-policy.ts';
import type { FieldPath } from './manifest-file.ts';

/** What a schema cannot say: https://istio.io/latest/docs/reference/config/networking/destination-rule/ */
export const checkDestinationRule = (spec: DestinationRule): Issue[] => {
  const issues: Issue[] = [];
  const say: Say = (path, message, error = 'invalidValue') => {
    issues.push({ error, level: 'error', path, message: `${formatPath(path)} ${message}` });
  };
  const problem = hostProblem(spec.host);
  if (problem) say(['spec', 'host'], `is ${showValue(spec.host)}, which ${problem}`);
  checkPolicy(spec.trafficPolicy, ['spec', 'trafficPolicy'], say);
  const names = new Map<string, number>();
  spec.subsets?.forEach(({ name, trafficPolicy }, i) => {
    const path = ['spec', 'subsets', i];
    const first = names.get(name);
    if (first !== undefined) say([...path, 'name'], `is ${showValue(name)}, as is spec.subsets[${first}]’s`);
    else names.set(name, i);
    if (!/^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$/i.test(name))
      say([...path, 'name'], `is ${showValue(name)}, must be letters, digits and - . _ between them`);
    checkPolicy(trafficPolicy, [...path, 'trafficPolicy'], say);
  });
  return issues;
};

type Say = (path: FieldPath, message: string, error?: Issue['error']) => void;

const checkPolicy = (policy: TrafficPolicy | undefined, path: FieldPath, say: Say): void => {
  if (!policy) return;
  checkPart(policy, path, say);
  const ports = new Set<number>();
  policy.portLevelSettings?.forEach((part, i) => {
    const at = [...path, 'portLevelSettings', i];
    if (ports.has(part.port.number))
      say([...at, 'port', 'number'], `is ${part.port.number}, which has settings already`);
    ports.add(part.port.number);
    checkPart(part, at, say);
  });
};

const checkPart = (policy: Omit<PortTrafficPolicy, 'port'>, path: FieldPath, say: Say): void => {
  const { connectionPool, outlierDetection, tls } = policy;
  if (connectionPool && !connectionPool.tcp && !connectionPool.http)
    say([...path, 'connectionPool'], 'is empty, must have tcp or http', 'missingField');
  for (const part of ['tcp', 'http'] as const)
    if (connectionPool?.[part] && Object.keys(connectionPool[part]).length === 0)
      say([...path, 'connectionPool', part], 'is empty', 'missingField');
  if (outlierDetection && Object.keys(outlierDetection).length === 0)
    say([...path, 'outlierDetection'], 'is empty', 'missingField');
  if (tls) checkTls(tls, [...path, 'tls'], say);
};

const checkTls = (tls: ClientTLSSettings, path: FieldPath, say: Say): void => {
  const has = (field: keyof ClientTLSSettings): boolean => {
    const value = tls[field];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  };
  const refuse = (fields: readonly (keyof ClientTLSSettings)[], why: string): void => {
    for (const field of fields) if (has(field)) say([...path, field], `is not allowed ${why}`);
  };
  if (tls.insecureSkipVerify) {
    refuse(['caCertificates', 'subjectAltNames'], 'beside insecureSkipVerify: true');
    if (tls.mode === 'SIMPLE') refuse(['credentialName'], 'beside insecureSkipVerify: true');
  }
  if (tls.mode === 'ISTIO_MUTUAL')
    refuse(['clientCertificate', 'privateKey', 'caCertificates', 'credentialName'], 'with mode ISTIO_MUTUAL');
  if (tls.mode !== 'MUTUAL') return;
  if (tls.credentialName) refuse(['clientCertificate', 'privateKey', 'caCertificates'], 'beside credentialName');
  else
    for (const field of ['clientCertificate', 'privateKey'] as const)
      if (!has(field)) say([...path, field], 'is missing, mode MUTUAL needs it', 'missingField');
};
