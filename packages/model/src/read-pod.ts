import type { z } from 'zod';
import { checkSchema } from './check-schema.ts';
import type { Issue } from './issue.ts';
import { appPorts, pod } from './kinds/pod.ts';
import { fromPodTemplate } from './kinds/pod-template.ts';
import type { Identified } from './manifest-object.ts';
import { isRecord } from './manifest-object.ts';
import type { Pod } from './mesh.ts';
import { findNotYet } from './not-yet.ts';
import { invalid, type Reading } from './mesh-part.ts';

/** Label or annotation of a running instance on a laptop: the workload it belongs to. */
export const WORKLOAD_KEY = 'weft.dev/workload';
/** Annotation: a JSON object of container port → the port on 127.0.0.1 where the application really listens. */
export const APP_PORTS_ANNOTATION = 'weft.dev/app-ports';

/** Whether a Pod's manifest is an instance that `weft up` wrote. It has a name space of its own beside the manifests. */
export const isInstance = (manifest: Readonly<Record<string, unknown>>): boolean => {
  const meta = manifest.metadata;
  if (!isRecord(meta)) return false;
  return [meta.labels, meta.annotations].some((map) => isRecord(map) && typeof map[WORKLOAD_KEY] === 'string');
};

export const readPod = ({ manifest, namespace, name }: Identified): Reading => {
  const checked = checkSchema(pod, manifest, []);
  if (!checked.value) return invalid(checked.issues);
  const { metadata: meta, spec, status } = checked.value;
  const template = fromPodTemplate(meta, spec, ['metadata']);
  const ports = readAppPorts(meta?.annotations?.[APP_PORTS_ANNOTATION]);
  const issues = [...template.issues, ...ports.issues];
  if (issues.length > 0) return invalid(issues);
  const { labels, annotations, serviceAccount, containers } = template.value;
  const owner = ownerOf(checked.value);
  const instance = isInstance(manifest);
  const running: Pod = {
    namespace,
    name,
    workload: labels[WORKLOAD_KEY] ?? annotations[WORKLOAD_KEY] ?? owner ?? name,
    labels,
    annotations,
    serviceAccount,
    ip: status?.podIP ?? '',
    ready: status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    terminating: Boolean(meta?.deletionTimestamp),
    ports: containers.flatMap((c) => c.ports),
    appPorts: ports.value,
    locality: localityOf(labels),
  };
  return {
    issues: instance ? [] : findNotYet('Pod', manifest).map((found) => found.issue),
    part: {
      ...((instance || owner !== undefined || status?.podIP) && { pod: running }),
      ...(!instance &&
        owner === undefined && { workload: { kind: 'Pod', namespace, name, replicas: 1, ...template.value } }),
    },
  };
};

/** The Deployment behind a ReplicaSet's name, which ends in the hash of its template; else the controller itself. */
const ownerOf = (p: z.infer<typeof pod>): string | undefined => {
  const owners = p.metadata?.ownerReferences ?? [];
  const owner = owners.find((o) => o.controller) ?? owners[0];
  if (owner?.kind !== 'ReplicaSet') return owner?.name;
  const hash = p.metadata?.labels?.['pod-template-hash'];
  if (hash && owner.name.endsWith(`-${hash}`)) return owner.name.slice(0, -hash.length - 1);
  return owner.name.replace(/-[a-z0-9]{5,10}$/, '');
};

/** Istio's `istio-locality` (region.zone or region/zone), else Kubernetes' topology labels. */
const localityOf = (labels: Readonly<Record<string, string>>): Pod['locality'] => {
  const [region, zone] = labels['istio-locality']?.split(/[./]/) ?? [
    labels['topology.kubernetes.io/region'],
    labels['topology.kubernetes.io/zone'],
  ];
  return { region: region ?? '', zone: zone ?? '' };
};

const readAppPorts = (text: string | undefined): { value: Record<number, number>; issues: Issue[] } => {
  if (text === undefined) return { value: {}, issues: [] };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const result = appPorts.safeParse(parsed);
  if (result.success) return { value: result.data, issues: [] };
  const path = ['metadata', 'annotations', APP_PORTS_ANNOTATION];
  const message = `${APP_PORTS_ANNOTATION} is ${JSON.stringify(text)}, must be a JSON object of ports such as {"8080":40001}`;
  return { value: {}, issues: [{ error: 'invalidValue', level: 'error', path, message }] };
};
