import { parseDurationMs } from '@weft/base/duration';
import type { AccessLogFormatSettings } from '@weft/telemetry/access-log';
import type { MeshConfigSpec } from './kinds/mesh-config.ts';
import { type AccessLogSettings, defaultMeshConfig, type MeshConfig, type TracingSettings } from './mesh-config.ts';

const DEFAULT_SAMPLING_PERCENT = 1;
const DEFAULT_MAX_PATH_TAG_LENGTH = 256;
const STDOUT = '/dev/stdout';

/** Of several settings a later one replaces those of its fields that the earlier have. */
export const resolveMeshConfig = (specs: readonly MeshConfigSpec[]): MeshConfig => {
  const spec: MeshConfigSpec = Object.assign({}, ...specs);
  return {
    outboundTrafficPolicy: spec.outboundTrafficPolicy?.mode ?? defaultMeshConfig.outboundTrafficPolicy,
    h2UpgradePolicy: spec.h2UpgradePolicy ?? defaultMeshConfig.h2UpgradePolicy,
    accessLogs: accessLogsOf(spec),
    tracing: tracingOf(spec),
  };
};

/** `accessLogFile` and the file providers among `defaultProviders.accessLogging`; a file is named once. */
export const accessLogsOf = (spec: MeshConfigSpec): readonly AccessLogSettings[] => {
  const logs = new Map<string, AccessLogSettings>();
  if (spec.accessLogFile) {
    const format: AccessLogFormatSettings =
      spec.accessLogEncoding === 'JSON'
        ? { encoding: 'JSON', fields: spec.accessLogFormat ? parseFields(spec.accessLogFormat) : null }
        : { encoding: 'TEXT', text: spec.accessLogFormat ? withNewline(spec.accessLogFormat) : null };
    logs.set(spec.accessLogFile, { path: spec.accessLogFile, format });
  }
  for (const name of spec.defaultProviders?.accessLogging ?? []) {
    const provider = spec.extensionProviders?.find((p) => p.name === name)?.envoyFileAccessLog;
    if (!provider) continue;
    const { text, labels } = provider.logFormat ?? {};
    const path = provider.path || STDOUT;
    logs.set(path, {
      path,
      format: labels
        ? { encoding: 'JSON', fields: labels }
        : { encoding: 'TEXT', text: text === undefined ? null : withNewline(text) },
    });
  }
  return [...logs.values()];
};

/** Istio ends the line where the format does not. */
const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

const parseFields = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

/** The first default provider that can be used; else, as in Istio, the tracer of `defaultConfig`. */
const tracingOf = (spec: MeshConfigSpec): TracingSettings | null => {
  const tracing = spec.defaultConfig?.tracing;
  const settings = {
    samplingPercent: tracing?.sampling ?? DEFAULT_SAMPLING_PERCENT,
    maxPathTagLength: tracing?.maxPathTagLength ?? DEFAULT_MAX_PATH_TAG_LENGTH,
  };
  for (const name of spec.defaultProviders?.tracing ?? []) {
    const provider = spec.extensionProviders?.find((p) => p.name === name);
    if (provider?.zipkin) {
      const { service, port, path } = provider.zipkin;
      return { ...settings, provider: { kind: 'zipkin', host: hostOf(service), port, path: path ?? ZIPKIN_PATH } };
    }
    if (provider?.opentelemetry?.http) {
      const { service, port, http } = provider.opentelemetry;
      return {
        ...settings,
        provider: {
          kind: 'opentelemetry',
          host: hostOf(service),
          port,
          path: http.path ?? OTLP_PATH,
          timeoutMs: parseDurationMs(http.timeout ?? '') ?? OTLP_TIMEOUT_MS,
        },
      };
    }
  }
  const address = tracing?.zipkin?.address;
  if (!address || spec.enableTracing === false) return null;
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { ...settings, provider: { kind: 'zipkin', host, port: Number(address.slice(colon + 1)), path: ZIPKIN_PATH } };
};

const ZIPKIN_PATH = '/api/v2/spans';
const OTLP_PATH = '/v1/traces';
const OTLP_TIMEOUT_MS = 10_000;

/** `[NAMESPACE/]HOST` */
const hostOf = (service: string): string => service.slice(service.indexOf('/') + 1);
