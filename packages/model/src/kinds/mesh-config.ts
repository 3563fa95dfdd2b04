import { z } from 'zod';
import { duration, portNumber } from './field.ts';

/** Understood as a field, whatever it holds; `check-mesh-config.ts` says that it is not implemented. */
const later = z.unknown().optional();
const fields = (names: string): Record<string, z.ZodOptional<z.ZodUnknown>> =>
  Object.fromEntries(names.split(' ').map((name) => [name, later]));

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider */
export const laterProviders =
  'envoyExtAuthzHttp envoyExtAuthzGrpc lightstep datadog stackdriver opencensus skywalking envoyHttpAls envoyTcpAls envoyOtelAls sds';
export const laterOfOpenTelemetry =
  'maxTagLength resourceDetectors dynatraceSampler grpc disableContextPropagation serviceAttributeEnrichment';
export const laterOfZipkin = 'maxTagLength enable64bitTraceId traceContextOption timeout headers';

const service = z.string().min(1);

const openTelemetry = z.strictObject({
  service,
  port: portNumber,
  http: z
    .strictObject({ path: z.string().optional(), timeout: duration.optional(), headers: later, maxRetries: later })
    .optional(),
  ...fields(laterOfOpenTelemetry),
});

const zipkin = z.strictObject({
  service,
  port: portNumber,
  path: z.string().optional(),
  ...fields(laterOfZipkin),
});

const fileAccessLog = z.strictObject({
  path: z.string().optional(),
  logFormat: z
    .strictObject({ text: z.string().optional(), labels: z.record(z.string(), z.unknown()).optional() })
    .optional(),
  omitEmptyValues: later,
});

const extensionProvider = z.strictObject({
  name: z.string().min(1),
  prometheus: later,
  opentelemetry: openTelemetry.optional(),
  zipkin: zipkin.optional(),
  envoyFileAccessLog: fileAccessLog.optional(),
  ...fields(laterProviders),
});

export const laterOfTracing = 'lightstep datadog stackdriver openCensusAgent customTags tlsSettings enableIstioTags';

const tracing = z.strictObject({
  sampling: z.number().min(0).max(100).optional(),
  maxPathTagLength: z.int().min(0).optional(),
  zipkin: z.strictObject({ address: z.string().optional() }).optional(),
  ...fields(laterOfTracing),
});

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig */
export const laterOfProxyConfig =
  'configPath binaryPath serviceCluster tracingServiceName drainDuration discoveryAddress statsdUdpAddress proxyAdminPort controlPlaneAuthPolicy customConfigFile statNameLength concurrency proxyBootstrapTemplatePath interceptionMode envoyAccessLogService envoyMetricsService proxyMetadata runtimeValues statusPort extraStatTags terminationDrainDuration meshId readinessProbe proxyStatsMatcher holdApplicationUntilProxyStarts caCertificatesPem image privateKeyProvider proxyHeaders fileFlushInterval fileFlushMinSizeKb statsCompression gatewayTopology sds zipkinAddress';

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig */
export const laterOfMeshConfig =
  'proxyListenPort proxyInboundListenPort proxyHttpPort connectTimeout tcpKeepalive ingressClass ingressService ingressControllerMode ingressSelector enableEnvoyAccessLogService disableEnvoyListenerLog inboundTrafficPolicy configSources enableAutoMtls trustDomainAliases caCertificates defaultServiceExportTo defaultVirtualServiceExportTo defaultDestinationRuleExportTo localityLbSetting dnsRefreshRate inboundClusterStatName outboundClusterStatName enablePrometheusMerge certificates thriftConfig serviceSettings discoverySelectors pathNormalization defaultHttpRetryPolicy meshMTLS tlsDefaults protocolDetectionTimeout serviceScopeConfigs statsTags mixerCheckServer mixerReportServer authPolicy';

export const meshConfig = z.strictObject({
  accessLogFile: z.string().optional(),
  accessLogFormat: z.string().optional(),
  accessLogEncoding: z.enum(['TEXT', 'JSON']).optional(),
  enableTracing: z.boolean().optional(),
  outboundTrafficPolicy: z
    .strictObject({ mode: z.enum(['ALLOW_ANY', 'REGISTRY_ONLY']).optional(), egressProxy: later })
    .optional(),
  defaultConfig: z.strictObject({ tracing: tracing.optional(), ...fields(laterOfProxyConfig) }).optional(),
  h2UpgradePolicy: z.enum(['DO_NOT_UPGRADE', 'UPGRADE']).optional(),
  extensionProviders: z.array(extensionProvider).optional(),
  defaultProviders: z
    .strictObject({
      tracing: z.array(z.string()).optional(),
      accessLogging: z.array(z.string()).optional(),
      metrics: z.array(z.string()).optional(),
    })
    .optional(),
  rootNamespace: z.string().optional(),
  trustDomain: z.string().optional(),
  ...fields(laterOfMeshConfig),
});

export type MeshConfigSpec = z.infer<typeof meshConfig>;
