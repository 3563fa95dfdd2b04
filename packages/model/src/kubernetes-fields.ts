import { formatPath, type Issue } from './issue.ts';
import type { FieldPath } from './manifest-file.ts';
import { isRecord } from './manifest-object.ts';
import { nearest } from './nearest.ts';

/** The fields of a type; with the fields of those that we look into. A list's item is described like the list. */
interface Fields {
  readonly [field: string]: Fields | null;
}

const names = (text: string): Fields => Object.fromEntries(text.split(' ').map((name) => [name, null]));

const metadata = names(
  'annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation labels managedFields name namespace ownerReferences resourceVersion selfLink uid',
);

const probe: Fields = {
  ...names(
    'failureThreshold initialDelaySeconds periodSeconds successThreshold terminationGracePeriodSeconds timeoutSeconds',
  ),
  exec: names('command'),
  grpc: names('port service'),
  httpGet: { ...names('host path port scheme'), httpHeaders: names('name value') },
  tcpSocket: names('host port'),
};

const container: Fields = {
  ...names(
    'args command envFrom image imagePullPolicy lifecycle name resizePolicy resources restartPolicy restartPolicyRules securityContext stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir',
  ),
  env: names('name value valueFrom'),
  ports: names('containerPort hostIP hostPort name protocol'),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
};

const podSpec: Fields = {
  ...names(
    'activeDeadlineSeconds affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes workloadRef',
  ),
  containers: container,
  initContainers: container,
};

const top = names('apiVersion kind status');
const selector = names('matchExpressions matchLabels');

/** Kubernetes 1.34: https://kubernetes.io/docs/reference/kubernetes-api/ */
const kinds: Readonly<Record<string, Fields>> = {
  Namespace: { ...top, metadata, spec: names('finalizers') },
  ServiceAccount: { ...top, ...names('automountServiceAccountToken imagePullSecrets secrets'), metadata },
  Service: {
    ...top,
    metadata,
    spec: {
      ...names(
        'allocateLoadBalancerNodePorts clusterIP clusterIPs externalIPs externalName externalTrafficPolicy healthCheckNodePort internalTrafficPolicy ipFamilies ipFamilyPolicy loadBalancerClass loadBalancerIP loadBalancerSourceRanges publishNotReadyAddresses selector sessionAffinity sessionAffinityConfig topologyKeys trafficDistribution type',
      ),
      ports: names('appProtocol name nodePort port protocol targetPort'),
    },
  },
  Deployment: {
    ...top,
    metadata,
    spec: {
      ...names('minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit strategy'),
      selector,
      template: { metadata, spec: podSpec },
    },
  },
  Pod: { ...top, metadata, spec: podSpec },
};

/** Fields that Kubernetes does not know, as `kubectl apply` warns of them. They have no effect. */
export const unknownKubernetesFields = (kind: string, manifest: Readonly<Record<string, unknown>>): Issue[] => {
  const fields = kinds[kind];
  return fields ? unknown(manifest, fields, []) : [];
};

const unknown = (value: unknown, fields: Fields, path: FieldPath): Issue[] => {
  if (Array.isArray(value)) return value.flatMap((item, i) => unknown(item, fields, [...path, i]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]): Issue[] => {
    const at = [...path, key];
    if (Object.hasOwn(fields, key)) {
      const known = fields[key];
      return known ? unknown(inner, known, at) : [];
    }
    const meant = nearest(key, Object.keys(fields));
    const hint = meant ? `did you mean ${meant}?` : '';
    return [{ error: 'unknownField', level: 'warning', path: at, message: `unknown field ${formatPath(at)}`, hint }];
  });
};
