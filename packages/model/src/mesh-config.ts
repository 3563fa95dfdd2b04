import type { AccessLogFormatSettings } from '@weft/telemetry/access-log';

/**
 * Settings of the whole mesh, as far as weft has them: from the `meshConfig` of an IstioOperator or the ConfigMap `istio`
 * in `istio-system`, with Istio's defaults. https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
 */
export interface MeshConfig {
  /** Hosts that no service has: passed on as they are, or refused. Default ALLOW_ANY. */
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /** HTTP/2 to all services that say to speak HTTP; DO_NOT_UPGRADE by default. */
  readonly h2UpgradePolicy: 'DO_NOT_UPGRADE' | 'UPGRADE';
  /** One for each log of every proxy; none by default. */
  readonly accessLogs: readonly AccessLogSettings[];
  /** Null: requests are not traced, though trace contexts pass through. */
  readonly tracing: TracingSettings | null;
}

export interface AccessLogSettings {
  /** `/dev/stdout` is the proxy's own output. */
  readonly path: string;
  readonly format: AccessLogFormatSettings;
}

export interface TracingSettings {
  /** Of requests that begin a trace, in percent; 1 by default. Others follow the decision they come with. */
  readonly samplingPercent: number;
  readonly provider: TracingProvider;
  /** Longest `http.url` in a span, in bytes; 256 by default. */
  readonly maxPathTagLength: number;
}

/** `host`: a service of the mesh (`name.namespace` is enough), a DNS name, or an address. */
export type TracingProvider =
  | { readonly kind: 'zipkin'; readonly host: string; readonly port: number; readonly path: string }
  /** OTLP over HTTP. */
  | {
      readonly kind: 'opentelemetry';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly timeoutMs: number;
    };

export const defaultMeshConfig: MeshConfig = {
  outboundTrafficPolicy: 'ALLOW_ANY',
  h2UpgradePolicy: 'DO_NOT_UPGRADE',
  accessLogs: [],
  tracing: null,
};
