import { join } from 'node:path';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { controlPlanePorts, proxyPorts } from '@weft/model/proxy-ports';
import type { ReplicaPlan } from './replica-plan.ts';

export interface BootstrapInput {
  readonly plan: ReplicaPlan;
  readonly address: string;
  readonly controlPlaneAddress: string;
  readonly trustDomain: string;
  readonly rootCertFile: string;
  readonly tokenFile: string;
  /** The proxy's own directory. */
  readonly stateDir: string;
}

/** What the sidecar of a replica is told at start. */
export const proxyBootstrap = (input: BootstrapInput): ProxyBootstrap => {
  const { plan, address } = input;
  return {
    node: {
      id: `sidecar~${address}~${plan.pod}.${plan.namespace}~${plan.namespace}.svc.cluster.local`,
      cluster: `${plan.workload}.${plan.namespace}`,
      locality: localityOf(plan.labels),
      metadata: {
        NAMESPACE: plan.namespace,
        NAME: plan.pod,
        WORKLOAD_NAME: plan.workload,
        SERVICE_ACCOUNT: plan.serviceAccount,
        LABELS: plan.labels,
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: 'NONE',
        WEFT_DATA_PLANE: plan.dataPlane === 'envoy' ? 'envoy' : 'weft',
      },
    },
    trustDomain: input.trustDomain,
    discoveryAddress: `${input.controlPlaneAddress}:${controlPlanePorts.xds}`,
    rootCertFile: input.rootCertFile,
    tokenFile: input.tokenFile,
    adminAddress: `${address}:${proxyPorts.admin}`,
    healthAddress: `${address}:${proxyPorts.health}`,
    metricsAddress: `${address}:${proxyPorts.metrics}`,
    stateDir: input.stateDir,
    // A replica leaves the endpoints, and its applications have ended, before its sidecar is asked to.
    terminationDrainMs: 0,
  };
};

/** Istio's label, else Kubernetes' topology labels. */
const localityOf = (labels: Readonly<Record<string, string>>): { region: string; zone: string } => {
  const [region, zone] = labels['istio-locality']?.split(/[./]/) ?? [
    labels['topology.kubernetes.io/region'],
    labels['topology.kubernetes.io/zone'],
  ];
  return { region: region ?? '', zone: zone ?? '' };
};

export const bootstrapPaths = (
  runDir: string,
  plan: ReplicaPlan,
): { file: string; token: string; stateDir: string } => {
  const name = `${plan.namespace}_${plan.pod}`;
  return {
    file: join(runDir, 'bootstrap', `${name}.json`),
    token: join(runDir, 'bootstrap', `${name}.token`),
    stateDir: join(runDir, 'proxies', name),
  };
};
