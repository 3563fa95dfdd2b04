import type { OpenTelemetryConfig, ZipkinConfig } from '@weft/xds-api/gen/envoy/config/trace/v3';
import type { HttpConnectionManager_Tracing } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { Any } from '@weft/xds-api/well-known';
import type { CustomTag } from '@weft/xds-api/gen/envoy/type/tracing/v3';
import type { CustomTagConfig, TracingConfig, TracingProviderConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, durationMs, oneOf, onlyKnown, required, typeOf, unpack } from './fields.ts';

const DEFAULT_MAX_PATH_TAG_LENGTH = 256;
const ZIPKIN_TIMEOUT_MS = 5000;

/**
 * A connection manager's `tracing`. `overall_sampling` is a limit on what `random_sampling` chose; nobody can force a
 * trace here, so that the smaller of the two is what counts.
 */
export const compileTracing = (json: HttpConnectionManager_Tracing, path: string): TracingConfig => {
  onlyKnown(
    json,
    path,
    ['randomSampling', 'overallSampling', 'maxPathTagLength', 'customTags', 'provider', 'spawnUpstreamSpan'],
    ['clientSampling', 'verbose'],
  );
  if (json.spawnUpstreamSpan) fail(at(path, 'spawnUpstreamSpan'), 'is not supported: a sidecar makes one span');
  const provider = json.provider ?? fail(at(path, 'provider'), 'is required');
  const here = at(path, 'provider.typedConfig');
  const any = required(provider.typedConfig, here);
  return {
    provider: providers[typeOf(any)]?.(any, here) ?? fail(at(here, '@type'), `${typeOf(any)} is not supported`),
    samplingPercent: Math.min(json.randomSampling?.value ?? 100, json.overallSampling?.value ?? 100),
    maxPathTagLength: json.maxPathTagLength ?? DEFAULT_MAX_PATH_TAG_LENGTH,
    customTags: (json.customTags ?? []).map((tag, i) => customTag(tag, at(at(path, 'customTags'), i))),
  };
};

const zipkin = (json: ZipkinConfig, path: string): TracingProviderConfig => {
  onlyKnown(
    json,
    path,
    [
      'collectorCluster',
      'collectorEndpoint',
      'collectorHostname',
      'collectorEndpointVersion',
      'sharedSpanContext',
      'traceId128bit',
    ],
    ['traceContextOption'],
  );
  oneOf(json.collectorEndpointVersion, 'HTTP_JSON', ['HTTP_JSON'], at(path, 'collectorEndpointVersion'));
  if (json.sharedSpanContext !== false) fail(at(path, 'sharedSpanContext'), 'must be false: each hop has its own span');
  if (!json.traceId128bit) fail(at(path, 'traceId128bit'), 'must be true');
  const cluster = required(json.collectorCluster, at(path, 'collectorCluster'));
  return {
    kind: 'zipkin',
    cluster,
    authority: json.collectorHostname || cluster,
    path: required(json.collectorEndpoint, at(path, 'collectorEndpoint')),
    timeoutMs: ZIPKIN_TIMEOUT_MS,
    serviceName: '',
  };
};

const openTelemetry = (json: OpenTelemetryConfig, path: string): TracingProviderConfig => {
  onlyKnown(json, path, ['httpService', 'serviceName'], ['maxCacheSize']);
  const service = json.httpService ?? fail(path, 'needs httpService: OTLP goes over HTTP');
  onlyKnown(service, at(path, 'httpService'), ['httpUri']);
  const here = at(path, 'httpService.httpUri');
  const uri = service.httpUri ?? fail(here, 'is required');
  onlyKnown(uri, here, ['uri', 'cluster', 'timeout']);
  const [, authority = '', rest = ''] =
    /^http:\/\/([^/]+)(\/.*)?$/.exec(uri.uri ?? '') ?? fail(at(here, 'uri'), 'must be http://HOST/PATH');
  return {
    kind: 'opentelemetry',
    cluster: required(uri.cluster, at(here, 'cluster')),
    authority,
    path: rest || '/',
    timeoutMs: durationMs(uri.timeout, ZIPKIN_TIMEOUT_MS, at(here, 'timeout')),
    serviceName: json.serviceName ?? '',
  };
};

const providers: Readonly<Record<string, (any: Any, path: string) => TracingProviderConfig>> = {
  'envoy.config.trace.v3.ZipkinConfig': (any, path) => zipkin(unpack<ZipkinConfig>(any), path),
  'envoy.config.trace.v3.OpenTelemetryConfig': (any, path) => openTelemetry(unpack<OpenTelemetryConfig>(any), path),
};

const customTag = (json: CustomTag, path: string): CustomTagConfig => {
  onlyKnown(json, path, ['tag', 'literal', 'requestHeader']);
  const tag = required(json.tag, at(path, 'tag'));
  if (json.literal) return { tag, header: '', value: required(json.literal.value, at(path, 'literal.value')) };
  const header = json.requestHeader ?? fail(path, 'is neither literal nor requestHeader');
  return {
    tag,
    header: required(header.name, at(path, 'requestHeader.name')).toLowerCase(),
    value: header.defaultValue ?? '',
  };
};
