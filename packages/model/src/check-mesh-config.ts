import { WeftError } from '@weft/base/errors';
import { compileAccessLogFormat } from '@weft/telemetry/access-log';
import { formatPath, type Issue, showValue } from './issue.ts';
import {
  laterOfMeshConfig,
  laterOfOpenTelemetry,
  laterOfProxyConfig,
  laterOfTracing,
  laterOfZipkin,
  laterProviders,
  type MeshConfigSpec,
} from './kinds/mesh-config.ts';
import type { FieldPath } from './manifest-file.ts';
import { accessLogsOf } from './resolve-mesh-config.ts';

/** What the schema of mesh settings cannot say: names that refer to nothing, formats, what is not implemented. */
export const checkMeshConfig = (spec: MeshConfigSpec, path: FieldPath): Issue[] => {
  const issues: Issue[] = [];
  const wrong = (at: FieldPath, message: string): void => {
    issues.push({
      error: 'invalidValue',
      level: 'error',
      path: [...path, ...at],
      message: `${formatPath([...path, ...at])} ${message}`,
    });
  };
  const providers = spec.extensionProviders ?? [];
  providers.forEach(({ name }, i) => {
    if (providers.findIndex((p) => p.name === name) !== i)
      wrong(['extensionProviders', i, 'name'], `is ${showValue(name)}, which another provider has already`);
  });
  for (const use of ['tracing', 'accessLogging'] as const)
    spec.defaultProviders?.[use]?.forEach((name, i) => {
      if (!providers.some((p) => p.name === name))
        wrong(['defaultProviders', use, i], `is ${showValue(name)}, which is no name in extensionProviders`);
    });
  if (spec.accessLogEncoding === 'JSON' && spec.accessLogFormat && !isJsonObject(spec.accessLogFormat))
    wrong(['accessLogFormat'], 'must be a JSON object, as accessLogEncoding is JSON');
  else
    for (const { path: file, format } of accessLogsOf(spec)) {
      try {
        compileAccessLogFormat(format);
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        wrong([], `has a format for ${file} that cannot be used: ${error.message}`);
      }
    }
  const address = spec.defaultConfig?.tracing?.zipkin?.address;
  if (address && !/^\[?[^\]\s]+\]?:\d+$/.test(address))
    wrong(['defaultConfig', 'tracing', 'zipkin', 'address'], `is ${showValue(address)}, must be HOST:PORT`);
  issues.push(...notImplemented(spec, path));
  return issues;
};

const isJsonObject = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

const notImplemented = (spec: MeshConfigSpec, path: FieldPath): Issue[] => {
  const issues: Issue[] = [];
  const say = (at: FieldPath, what = ''): void => {
    const where = formatPath([...path, ...at]);
    const message = `${where}${what && ` (${what})`} is not implemented yet and has no effect`;
    issues.push({ error: 'notYet', level: 'warning', path: [...path, ...at], message });
  };
  const among = (value: object | undefined, names: string, at: FieldPath): void => {
    const known = names.split(' ');
    for (const key of Object.keys(value ?? {})) if (known.includes(key)) say([...at, key]);
  };
  among(spec, laterOfMeshConfig, []);
  among(spec.outboundTrafficPolicy, 'egressProxy', ['outboundTrafficPolicy']);
  among(spec.defaultConfig, laterOfProxyConfig, ['defaultConfig']);
  among(spec.defaultConfig?.tracing, laterOfTracing, ['defaultConfig', 'tracing']);
  spec.extensionProviders?.forEach((provider, i) => {
    const at = ['extensionProviders', i];
    among(provider, laterProviders, at);
    among(provider.opentelemetry, laterOfOpenTelemetry, [...at, 'opentelemetry']);
    among(provider.opentelemetry?.http, 'headers maxRetries', [...at, 'opentelemetry', 'http']);
    among(provider.zipkin, laterOfZipkin, [...at, 'zipkin']);
    among(provider.envoyFileAccessLog, 'omitEmptyValues', [...at, 'envoyFileAccessLog']);
    if (provider.opentelemetry && !provider.opentelemetry.http)
      say([...at, 'opentelemetry'], 'OTLP over gRPC; write http, with the collector’s port 4318');
  });
  if ((spec.trustDomain ?? 'cluster.local') !== 'cluster.local')
    say(['trustDomain'], 'weft takes its trust domain from --trust-domain');
  if ((spec.rootNamespace ?? 'istio-system') !== 'istio-system') say(['rootNamespace'], 'it is istio-system');
  return issues;
};
