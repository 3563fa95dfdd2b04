import { nearest } from './nearest.ts';

/**
 * What weft does with a kind.
 * mesh: it goes into the `Mesh`. later: known, brought by a later issue. refused: not supported on purpose.
 */
export type KindStatus = 'mesh' | 'later' | 'refused';

interface KnownKind {
  readonly status: KindStatus;
  /** Whether it restricts who may call: ignoring one would fail open. */
  readonly security?: boolean;
  /** For `later` and `refused`: what it is for, and why not. */
  readonly what?: string;
}

interface ApiGroup {
  readonly versions: readonly string[];
  readonly kinds: Readonly<Record<string, KnownKind>>;
  /** Any kind that is not known here may restrict callers. */
  readonly security?: boolean;
}

const mesh: KnownKind = { status: 'mesh' };
const meshSecurity: KnownKind = { status: 'mesh', security: true };
const later = (what: string): KnownKind => ({ status: 'later', what });
const laterSecurity = (what: string): KnownKind => ({ status: 'later', security: true, what });
const refused = (what: string): KnownKind => ({ status: 'refused', what });

/** The API groups that weft owns: in them an unknown kind or field is an error. */
export const ownGroups: Readonly<Record<string, ApiGroup>> = {
  'networking.istio.io': {
    versions: ['v1', 'v1beta1', 'v1alpha3'],
    kinds: {
      VirtualService: mesh,
      DestinationRule: mesh,
      Gateway: later('listeners at the edge of the mesh'),
      ServiceEntry: later('services outside the mesh'),
      Sidecar: mesh,
      WorkloadEntry: later('workloads that are no pods'),
      WorkloadGroup: later('templates of workloads that are no pods'),
      EnvoyFilter: later('patches of the generated Envoy configuration'),
      ProxyConfig: later('settings of the sidecars'),
    },
  },
  'security.istio.io': {
    versions: ['v1', 'v1beta1'],
    security: true,
    kinds: {
      PeerAuthentication: meshSecurity,
      AuthorizationPolicy: meshSecurity,
      RequestAuthentication: laterSecurity('the verification of JSON Web Tokens'),
    },
  },
  'telemetry.istio.io': {
    versions: ['v1', 'v1alpha1'],
    kinds: { Telemetry: later('the choice of metrics, traces and access logs') },
  },
  'extensions.istio.io': {
    versions: ['v1', 'v1alpha1'],
    kinds: {
      WasmPlugin: refused('WebAssembly filters'),
      TrafficExtension: refused('WebAssembly and Lua filters'),
    },
  },
  'install.istio.io': {
    versions: ['v1alpha1'],
    kinds: { IstioOperator: mesh },
  },
  'gateway.networking.k8s.io': {
    versions: ['v1', 'v1beta1', 'v1alpha3', 'v1alpha2'],
    kinds: {
      GatewayClass: later('who implements a Gateway'),
      Gateway: later('listeners at the edge of the mesh'),
      HTTPRoute: later('HTTP routes of the Gateway API'),
      GRPCRoute: later('gRPC routes of the Gateway API'),
      TLSRoute: later('TLS routes of the Gateway API'),
      TCPRoute: later('TCP routes of the Gateway API'),
      UDPRoute: later('UDP routes of the Gateway API'),
      ReferenceGrant: later('references across namespaces'),
      BackendTLSPolicy: later('TLS to backends'),
      ListenerSet: later('further listeners of a Gateway'),
    },
  },
  'linkerd.io': {
    versions: ['v1alpha2', 'v1alpha1'],
    kinds: { ServiceProfile: later('Linkerd’s routes, retries and timeouts of a service') },
  },
  'policy.linkerd.io': {
    versions: ['v1beta3', 'v1beta2', 'v1beta1', 'v1alpha1'],
    security: true,
    kinds: {
      Server: laterSecurity('Linkerd’s ports that need an authorization'),
      ServerAuthorization: laterSecurity('Linkerd’s authorization of clients'),
      AuthorizationPolicy: laterSecurity('Linkerd’s authorization of clients'),
      MeshTLSAuthentication: laterSecurity('Linkerd’s lists of mesh identities'),
      NetworkAuthentication: laterSecurity('Linkerd’s lists of networks'),
      HTTPRoute: later('Linkerd’s HTTP routes'),
      HTTPLocalRateLimitPolicy: later('Linkerd’s rate limits'),
      EgressNetwork: later('Linkerd’s egress policy'),
    },
  },
  'split.smi-spec.io': {
    versions: ['v1alpha4', 'v1alpha3', 'v1alpha2', 'v1alpha1'],
    kinds: { TrafficSplit: later('weighted backends of a service') },
  },
  'specs.smi-spec.io': {
    versions: ['v1alpha4', 'v1alpha3', 'v1alpha2', 'v1alpha1'],
    kinds: { HTTPRouteGroup: later('SMI’s routes'), TCPRoute: later('SMI’s routes') },
  },
  'access.smi-spec.io': {
    versions: ['v1alpha3', 'v1alpha2', 'v1alpha1'],
    security: true,
    kinds: { TrafficTarget: laterSecurity('SMI’s access control') },
  },
  'flagger.app': {
    versions: ['v1beta1'],
    kinds: {
      Canary: later('progressive delivery'),
      MetricTemplate: later('metrics of progressive delivery'),
      AlertProvider: later('alerts of progressive delivery'),
    },
  },
  'weft.dev': { versions: [], kinds: {} },
};

/** Kubernetes' kinds that go into the mesh, by group; all others of Kubernetes are not weft's business. */
const kubernetesKinds: Readonly<Record<string, readonly string[]>> = {
  '': ['Namespace', 'Service', 'ServiceAccount', 'Pod'],
  apps: ['Deployment'],
};

export type KindAnswer =
  | { readonly kind: 'known'; readonly known: KnownKind }
  | { readonly kind: 'foreign' }
  /** A group that looks like one of ours, with a kind of ours. */
  | { readonly kind: 'unknownGroup'; readonly meant: string; readonly security: boolean }
  | { readonly kind: 'unknownKind'; readonly hint: string; readonly security: boolean }
  | { readonly kind: 'unknownVersion'; readonly versions: readonly string[]; readonly security: boolean };

/** What a kind of an API group is to weft. `security`: taking it for nothing could open what it is meant to close. */
export const findKind = (group: string, version: string, kind: string): KindAnswer => {
  if (Object.hasOwn(kubernetesKinds, group) && kubernetesKinds[group]?.includes(kind))
    return { kind: 'known', known: mesh };
  const own = Object.hasOwn(ownGroups, group) ? ownGroups[group] : undefined;
  if (!own) return misspeltGroup(group, kind) ?? { kind: 'foreign' };
  const known = Object.hasOwn(own.kinds, kind) ? own.kinds[kind] : undefined;
  if (!known) {
    const [home] = groupsWith(kind);
    const meant = nearest(kind, Object.keys(own.kinds));
    return {
      kind: 'unknownKind',
      hint: home ? `${kind} is a kind of ${home}` : meant ? `did you mean ${meant}?` : '',
      security: Boolean(own.security) || groupsWith(kind).some((g) => ownGroups[g]?.kinds[kind]?.security),
    };
  }
  if (!own.versions.includes(version))
    return { kind: 'unknownVersion', versions: own.versions, security: known.security ?? false };
  return { kind: 'known', known };
};

/** Our groups that have a kind. */
const groupsWith = (kind: string): string[] =>
  Object.keys(ownGroups).filter((group) => Object.hasOwn(ownGroups[group]?.kinds ?? {}, kind));

/**
 * Kinds of ours in a group that differs from theirs by a slip: `security.istio.oi`. Other projects’ groups differ more.
 * Kubernetes’ own groups have no such kinds.
 */
const misspeltGroup = (group: string, kind: string): KindAnswer | undefined => {
  const homes = groupsWith(kind);
  const meant = Object.hasOwn(kubernetesKinds, group) ? homes[0] : nearest(group, homes, MAX_SLIP);
  if (!meant) return undefined;
  return { kind: 'unknownGroup', meant, security: ownGroups[meant]?.kinds[kind]?.security ?? false };
};

const MAX_SLIP = 3;
