import { checkSchema } from './check-schema.ts';
import { type Issue, showValue } from './issue.ts';
import { findNotYet } from './not-yet.ts';
import { deployment } from './kinds/deployment.ts';
import { metadata } from './kinds/metadata.ts';
import { fromPodTemplate } from './kinds/pod-template.ts';
import { service } from './kinds/service.ts';
import type { Identified } from './manifest-object.ts';
import type { ServicePort } from './mesh.ts';
import { invalid, type Reading } from './mesh-part.ts';
import { protocolOf } from './protocol.ts';

export const readNamespace = ({ manifest, name }: Identified): Reading => {
  const checked = checkSchema(metadata, manifest.metadata, ['metadata']);
  if (!checked.value) return invalid(checked.issues);
  return { part: { namespace: { name, labels: checked.value.labels ?? {} } }, issues: [] };
};

/** Nothing of a ServiceAccount is needed: pods name theirs, whether it is written down or not. */
export const readServiceAccount = ({ manifest }: Identified): Reading => {
  const checked = checkSchema(metadata, manifest.metadata, ['metadata']);
  return checked.value ? { part: {}, issues: [] } : invalid(checked.issues);
};

const TRANSPORTS = new Set(['TCP', 'UDP', 'SCTP']);

const EXPORT_TO = 'networking.istio.io/exportTo';

export const readService = (object: Identified, domainSuffix: string): Reading => {
  const checked = checkSchema(service, object.manifest, []);
  if (!checked.value) return invalid(checked.issues);
  const { metadata: meta, spec } = checked.value;
  const issues: Issue[] = [];
  const warnings = findNotYet('Service', object.manifest).map((found) => found.issue);
  if (spec?.type === 'ExternalName') return { part: {}, issues: warnings };
  const ports: ServicePort[] = (spec?.ports ?? []).map((p) => ({
    name: p.name ?? '',
    port: p.port,
    targetPort: p.targetPort || p.port,
    protocol: protocolOf({ name: p.name ?? '', port: p.port, appProtocol: p.appProtocol, transport: p.protocol }),
  }));
  spec?.ports?.forEach(({ protocol }, i) => {
    if (protocol && !TRANSPORTS.has(protocol))
      warnings.push({
        error: 'invalidValue',
        level: 'warning',
        path: ['spec', 'ports', i, 'protocol'],
        message: `spec.ports[${i}].protocol is ${showValue(protocol)}, must be one of TCP, UDP, SCTP; it is read as TCP`,
        hint: `write appProtocol: ${protocol.toLowerCase()}`,
      });
  });
  ports.forEach((port, i) => {
    const first = ports.findIndex((p) => p.port === port.port && (p.protocol === 'udp') === (port.protocol === 'udp'));
    if (first !== i)
      issues.push({
        error: 'invalidValue',
        level: 'error',
        path: ['spec', 'ports', i, 'port'],
        message: `spec.ports[${i}].port is ${port.port}, which spec.ports[${first}] has already`,
      });
  });
  if (issues.length > 0) return invalid(issues);
  const exportTo = meta?.annotations?.[EXPORT_TO]?.split(',').map((to) => to.trim()) ?? [];
  const { namespace, name } = object;
  return {
    issues: warnings,
    part: {
      service: {
        namespace,
        name,
        host: `${name}.${namespace}.svc.${domainSuffix}`,
        labels: meta?.labels ?? {},
        annotations: meta?.annotations ?? {},
        selector: spec?.selector ?? {},
        ports,
        exportTo: exportTo.length > 0 ? exportTo : ['*'],
        headless: spec?.clusterIP === 'None',
      },
    },
  };
};

export const readDeployment = ({ manifest, namespace, name }: Identified): Reading => {
  const checked = checkSchema(deployment, manifest, []);
  if (!checked.value) return invalid(checked.issues);
  const { spec } = checked.value;
  const template = fromPodTemplate(spec.template.metadata, spec.template.spec, ['spec', 'template', 'metadata']);
  if (template.issues.length > 0) return invalid(template.issues);
  for (const [key, value] of Object.entries(spec.selector?.matchLabels ?? {}))
    if (template.value.labels[key] !== value)
      return invalid([
        {
          error: 'invalidValue',
          level: 'error',
          path: ['spec', 'selector', 'matchLabels', key],
          message: `spec.selector wants the label ${key}=${value}, which spec.template.metadata.labels does not have`,
        },
      ]);
  return {
    issues: findNotYet('Deployment', manifest).map((found) => found.issue),
    part: { workload: { kind: 'Deployment', namespace, name, replicas: spec.replicas ?? 1, ...template.value } },
  };
};
