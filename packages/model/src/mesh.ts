import type { AuthorizationPolicy } from './kinds/authorization-policy.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { PeerAuthentication } from './kinds/peer-authentication.ts';
import type { Sidecar } from './kinds/sidecar.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { MeshConfig } from './mesh-config.ts';

/**
 * What the manifests say, resolved and immutable: readers keep the one they started with, a change makes a new one.
 * An object that did not change between two loads is the same JavaScript object in both, so that identity (`===`,
 * WeakMap) tells what a change touched.
 */
export interface Mesh {
  readonly trustDomain: string;
  /** Where mesh-wide policies live: `istio-system`. */
  readonly rootNamespace: string;
  /** `cluster.local` */
  readonly domainSuffix: string;
  readonly meshConfig: MeshConfig;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** By fully qualified host (`reviews.default.svc.cluster.local`). */
  readonly services: ReadonlyMap<string, Service>;
  /** By `namespace/name`: each Deployment, and each Pod that no Deployment owns. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Running instances with their addresses, by `namespace/pod`. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** In the order in which they apply: creationTimestamp, then namespace/name. */
  readonly virtualServices: readonly MeshObject<VirtualService>[];
  readonly destinationRules: readonly MeshObject<DestinationRule>[];
  readonly sidecars: readonly MeshObject<Sidecar>[];
  readonly peerAuthentications: readonly MeshObject<PeerAuthentication>[];
  readonly authorizationPolicies: readonly MeshObject<AuthorizationPolicy>[];
  /** Security objects that could not be read: what they select is denied. */
  readonly denied: readonly DeniedSelection[];
}

/** An Istio object: its validated spec in YAML's own field names and units. */
export interface MeshObject<Spec> {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly spec: Spec;
}

export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'udp'
  | 'mongo'
  | 'mysql'
  | 'redis'
  | 'auto';

export interface ServicePort {
  /** Empty if the Service's only port has no name. */
  readonly name: string;
  readonly port: number;
  /** A number, or the name of a container port. */
  readonly targetPort: number | string;
  /** From `appProtocol`, else the port's name (`http`, `http-web`), else `auto` (`udp` from the protocol). */
  readonly protocol: Protocol;
}

export interface Service {
  readonly namespace: string;
  readonly name: string;
  /** `name.namespace.svc.cluster.local` */
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** Namespaces that see it (`networking.istio.io/exportTo`): `*`, `.` or names. */
  readonly exportTo: readonly string[];
  readonly headless: boolean;
}

export interface ContainerPort {
  readonly name: string;
  readonly port: number;
}

export interface EnvVariable {
  readonly name: string;
  readonly value: string;
  /** The pod's field whose value it has instead (`valueFrom.fieldRef`): `metadata.name`, `status.podIP`, … */
  readonly fieldPath?: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  /** From `weft.dev/command` (on the pod template) where the container has none. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly EnvVariable[];
  readonly ports: readonly ContainerPort[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
}

export interface Probe {
  readonly action:
    | {
        readonly kind: 'http';
        readonly path: string;
        readonly port: number | string;
        readonly headers: readonly { readonly name: string; readonly value: string }[];
      }
    | { readonly kind: 'tcp'; readonly port: number | string }
    | { readonly kind: 'exec'; readonly command: readonly string[] }
    | { readonly kind: 'grpc'; readonly port: number; readonly service: string };
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

/** A Deployment's pod template, or a bare Pod. */
export interface Workload {
  readonly kind: 'Deployment' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  /** Labels and annotations of the pods it makes. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds: number;
}

/** A running instance. On a laptop `weft up` writes these; in Kubernetes they are the API server's Pods. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  /** The Deployment that owns it, else its own name. */
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Empty until it has one. */
  readonly ip: string;
  readonly ready: boolean;
  /** Set once deletion has begun: it gets no new requests. */
  readonly terminating: boolean;
  readonly ports: readonly ContainerPort[];
  /**
   * Where the application really listens, by container port (annotation `weft.dev/app-ports`, a JSON object): on a
   * laptop it has another port of its own on 127.0.0.1. Without an entry: 127.0.0.1 and the same port.
   */
  readonly appPorts: Readonly<Record<number, number>>;
  readonly locality: { readonly region: string; readonly zone: string };
}

export interface DeniedSelection {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Labels; `null` where the selector itself cannot be read: the whole namespace (the mesh, in the root namespace). */
  readonly selector: Readonly<Record<string, string>> | null;
}
