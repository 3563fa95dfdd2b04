/**
 * What a data plane is told at start: the 0600 JSON file behind `weft proxy --bootstrap FILE` and
 * `weft agent --bootstrap FILE`. Everything else comes over xDS.
 */
export interface ProxyBootstrap {
  readonly node: {
    /** `sidecar~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local`, Istio's form. */
    readonly id: string;
    /** `WORKLOAD.NAMESPACE` */
    readonly cluster: string;
    readonly locality: { readonly region: string; readonly zone: string };
    readonly metadata: NodeMetadata;
  };
  readonly trustDomain: string;
  /** `host:port` of the control plane's mTLS port (15012). */
  readonly discoveryAddress: string;
  /** PEM of the mesh's root certificates. */
  readonly rootCertFile: string;
  /** One-use bootstrap token; the proxy deletes the file once its first certificate is there. */
  readonly tokenFile: string;
  /** `host:port` each; admin is loopback only. */
  readonly adminAddress: string;
  readonly healthAddress: string;
  readonly metricsAddress: string;
  /** A directory of the proxy's own (0700). */
  readonly stateDir: string;
  /**
   * When the proxy is asked to end: how long it still accepts connections while it says that it is not ready, in ms; Istio's
   * `terminationDrainDuration`. Default 5,000; 0 where whoever ends it has told everybody before.
   */
  readonly terminationDrainMs?: number;
  /** Ceilings of the process, past which it sheds load; `packages/proxy/src/overload.ts` has the defaults. */
  readonly overload?: { readonly maxDownstreamConnections?: number; readonly maxMemoryBytes?: number };
}

/** Istio's names for what a proxy says of itself. The control plane takes labels and identity from the pod, not from here. */
export interface NodeMetadata {
  readonly NAMESPACE: string;
  readonly NAME: string;
  readonly WORKLOAD_NAME: string;
  readonly SERVICE_ACCOUNT: string;
  readonly LABELS: Readonly<Record<string, string>>;
  readonly CLUSTER_ID: string;
  readonly INTERCEPTION_MODE: 'NONE';
  /** Which data plane this is; the control plane leaves out what vanilla Envoy lacks. */
  readonly WEFT_DATA_PLANE: 'weft' | 'envoy';
}
