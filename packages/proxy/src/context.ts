import type { Clock } from '@weft/base/clock';
import type { Random } from '@weft/base/random';
import type { BalancedHost } from '@weft/traffic/load-balancer';
import type { HostMonitor } from '@weft/traffic/outlier/host-monitor';
import type { ClusterConfig, EndpointConfig, RuntimeConfig, TlsContextConfig } from '@weft/traffic/runtime-config';
import type { PeerNames } from '@weft/traffic/tls-config';
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Overload } from './overload.ts';
import type { ClusterStats } from './stats/cluster-stats.ts';
import type { ProxyStats } from './stats/proxy-stats.ts';
import type { PeerLabels, ProxyTelemetry } from './telemetry.ts';
import type { OutsideHosts } from './upstream/outside-hosts.ts';

/**
 * What the data path (listeners, connections, router, pools) gets from the rest of the proxy. The data path never sees
 * xDS, sockets of the control plane or files; the rest never sees a request.
 */
export interface ProxyContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The configuration new connections and new requests start with. Replaced as a whole, never changed. */
  config(): RuntimeConfig;
  readonly clusters: ClusterManager;
  readonly tls: TlsStore;
  readonly telemetry: ProxyTelemetry;
  readonly stats: ProxyStats;
  readonly overload: Overload;
  /** Value of `x-envoy-peer-metadata` that this proxy sends on mTLS connections; constant. */
  readonly peerMetadata: string;
  readonly local: LocalNode;
}

/** Who this proxy is; constant. */
export interface LocalNode {
  /** `x-envoy-peer-metadata-id`: `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`. */
  readonly nodeId: string;
  /** Its SPIFFE id. */
  readonly principal: string;
  /** What Istio's metrics call its workload. */
  readonly labels: PeerLabels;
}

/** Keeps what outlives a configuration: hosts with their statistics, by cluster name and address. */
export interface ClusterManager {
  /** Null: no such cluster (503 NC). */
  get(name: string): Cluster | null;
  /** Called when hosts leave: the data path then closes their idle connections. Returns an unsubscriber. */
  onHostRemoved(fn: (cluster: Cluster, host: Host) => void): () => void;
}

export interface Cluster {
  readonly name: string;
  /** Replaced when the configuration changes; the Cluster object itself stays. */
  config: ClusterConfig;
  /** Null: no healthy host (503 UH). `tried` hosts are avoided while others are left. */
  pick(tried: readonly Host[] | null): Host | null;
  readonly hosts: readonly Host[];
  /** Set for clusters that go wherever a request asks for (dynamic forward proxy): hosts come from there, `pick` has none. */
  readonly outside: OutsideHosts | null;
  /** In flight, over all hosts; the data path counts them up and down, and checks them against `config.limits`. */
  activeRequests: number;
  activeConnections: number;
  pendingRequests: number;
  activeRetries: number;
  /** What Envoy counts of a cluster; as long as the cluster. */
  readonly stats: ClusterStats;
}

export interface Host extends BalancedHost {
  /** A name, where `lookup` is set. */
  readonly address: string;
  readonly port: number;
  readonly lookup: LookupFunction | null;
  config: EndpointConfig;
  /** What to speak to this host (`tlsMatches` resolved); null is plaintext. */
  tls: TlsContextConfig | null;
  /** The data path's own pool of idle connections to this host. */
  pool: unknown;
  removed: boolean;
  /** Told of how each attempt on this host ends; null without outlier detection. */
  outlier: HostMonitor | null;
  /** Its health checks say that it is not well, or nothing yet; false without health checks. */
  failedCheck: boolean;
  /** What metrics call it, where that is not the cluster's: a host outside the mesh. */
  readonly destination: DestinationService | null;
}

/** Whether requests may go there, but in a panic. */
export const isHealthy = (host: Host): boolean => host.config.healthy && !host.failedCheck && !host.outlier?.ejected;

/** Where a request went, as Istio's metrics name it. */
export interface DestinationService {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** Certificates as Node wants them; the objects change when a secret is rotated, so ask for each new connection. */
export interface TlsStore {
  /** Null until the secret is there: the listener then refuses TLS connections. */
  server(config: TlsContextConfig): ServerTls | null;
  client(config: TlsContextConfig): ClientTls | null;
  /** Called after a rotation: pooled mTLS connections made before it are drained. */
  onRotated(fn: () => void): () => void;
}

export interface ServerTls {
  /** What is shown to a client that asks for this name; lower case, empty where it asks for none. */
  contextFor(serverName: string): SecureContext;
  /** The client is asked for a certificate; whether it must have one, the configuration says. */
  readonly asksForCertificate: boolean;
  /** Whoever is accepted is a workload of the mesh: the mesh's own roots vouch for it. */
  readonly mesh: boolean;
  /** What is sent first where both sides chose to exchange who they are (`tcp/peer-exchange.ts`); null: that is not offered. */
  readonly greeting: Buffer | null;
  /** Of a peer that the roots vouch for: null if its name is not acceptable, else its principal (empty if it has no name). */
  verifyPeer(names: PeerNames): string | null;
}

export interface ClientTls {
  readonly secureContext: SecureContext;
  /** False: the configuration says outright that any server will do. */
  readonly verifies: boolean;
  /** As ServerTls, both. */
  readonly mesh: boolean;
  readonly greeting: Buffer | null;
  /** As ServerTls. */
  verifyPeer(names: PeerNames): string | null;
}
