import type { Finding } from './cross-check.ts';
import { destinationRuleFor } from './destination-rule-for.ts';
import { isWildcard, resolveHost } from './host.ts';
import { formatPath, type Issue, showValue } from './issue.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { Destination } from './kinds/http-route.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { FieldPath } from './manifest-file.ts';
import type { Mesh, MeshObject, Service } from './mesh.ts';
import { nearest } from './nearest.ts';
import { isOnMesh } from './virtual-service-for.ts';
import { isVisible } from './visibility.ts';

/** Hosts, subsets and ports that a VirtualService names and that do not exist. */
export const checkRouteReferences = (mesh: Mesh, object: MeshObject<VirtualService>): Finding[] => {
  const findings: Finding[] = [];
  const say: Say = (error, level, path, message, hint = '', similarTo) => {
    const issue = { error, level, path, message: `${formatPath(path)} ${message}`, hint };
    findings.push({ of: object, issue, ...(similarTo !== undefined && { similarTo }) });
  };
  for (const { destination, path } of destinationsOf(object.spec))
    checkDestination(mesh, object, destination, path, say);
  if (!isOnMesh(object.spec)) return findings;
  object.spec.hosts?.forEach((name, i) => {
    const host = resolveHost(name, object.namespace, mesh);
    if (isWildcard(host) || mesh.services.has(host) || !host.endsWith(`.svc.${mesh.domainSuffix}`)) return;
    const message = `is ${showValue(name)}, and there is no service ${host}`;
    say('unknownHost', 'warning', ['spec', 'hosts', i], message, '', host);
  });
  return findings;
};

/** A DestinationRule for a host that does not exist. */
export const checkRuleReference = (mesh: Mesh, object: MeshObject<DestinationRule>): Finding[] => {
  const host = resolveHost(object.spec.host, object.namespace, mesh);
  if (isWildcard(host) || mesh.services.has(host)) return [];
  const message = `spec.host is ${showValue(object.spec.host)}, and there is no service ${host}`;
  const issue = { error: 'unknownRuleHost', level: 'warning', path: ['spec', 'host'], message } as const;
  return [{ of: object, issue, similarTo: host }];
};

type Say = (
  error: Issue['error'],
  level: Issue['level'],
  path: FieldPath,
  message: string,
  hint?: string,
  similarTo?: string,
) => void;

const checkDestination = (
  mesh: Mesh,
  object: MeshObject<VirtualService>,
  destination: Destination,
  path: FieldPath,
  say: Say,
): void => {
  const host = resolveHost(destination.host, object.namespace, mesh);
  const service = mesh.services.get(host);
  if (!service) {
    say(
      'unknownHost',
      'error',
      [...path, 'host'],
      `is ${showValue(destination.host)}, and there is no service ${host}`,
      '',
      host,
    );
    // Where a rule has its subsets, a subset that it lacks is a second mistake.
    if (destinationRuleFor(mesh, host, object.namespace)) checkSubset(mesh, object, destination, host, path, say);
    return;
  }
  if (!isVisible(service.exportTo, service.namespace, object.namespace))
    say(
      'unknownHost',
      'error',
      [...path, 'host'],
      `is ${showValue(destination.host)}, which namespace ${object.namespace} does not see`,
      `export it with networking.istio.io/exportTo`,
    );
  checkSubset(mesh, object, destination, host, path, say);
  checkPort(service, destination, path, say);
};

const checkSubset = (
  mesh: Mesh,
  object: MeshObject<VirtualService>,
  { subset }: Destination,
  host: string,
  path: FieldPath,
  say: Say,
): void => {
  if (!subset) return;
  const rule = destinationRuleFor(mesh, host, object.namespace);
  const names = (rule?.spec.subsets ?? []).map((s) => s.name);
  if (names.includes(subset)) return;
  const meant = nearest(subset, names);
  say(
    'unknownSubset',
    'error',
    [...path, 'subset'],
    rule
      ? `is ${showValue(subset)}, which DestinationRule ${rule.namespace}/${rule.name} does not have`
      : `is ${showValue(subset)}, and no DestinationRule has subsets for ${host}`,
    meant ? `did you mean ${meant}?` : names.length > 0 ? `it has ${names.join(', ')}` : '',
  );
};

const checkPort = (service: Service, { port }: Destination, path: FieldPath, say: Say): void => {
  const ports = service.ports.filter((p) => p.protocol !== 'udp').map((p) => p.port);
  const have = `it has ${ports.join(', ')}`;
  if (port && !ports.includes(port.number))
    say(
      'unknownHost',
      'error',
      [...path, 'port', 'number'],
      `is ${port.number}, a port that ${service.host} does not have`,
      have,
    );
  if (!port && ports.length > 1)
    say('ambiguousPort', 'error', path, `needs a port, as ${service.host} has several`, have);
};

/** All destinations of a VirtualService, mirrors included. */
function* destinationsOf(spec: VirtualService): Generator<{ destination: Destination; path: FieldPath }> {
  for (const kind of ['http', 'tls', 'tcp'] as const)
    for (const [i, route] of (spec[kind] ?? []).entries())
      for (const [j, { destination }] of (route.route ?? []).entries())
        yield { destination, path: ['spec', kind, i, 'route', j, 'destination'] };
  for (const [i, { mirror, mirrors }] of (spec.http ?? []).entries()) {
    if (mirror) yield { destination: mirror, path: ['spec', 'http', i, 'mirror'] };
    for (const [j, { destination }] of (mirrors ?? []).entries())
      yield { destination, path: ['spec', 'http', i, 'mirrors', j, 'destination'] };
  }
}
