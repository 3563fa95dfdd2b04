import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { Http2ProtocolOptions } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { HttpProtocolOptions } from '@weft/xds-api/gen/envoy/extensions/upstreams/http/v3';
import type { Http2Settings } from '../http2-settings.ts';
import type { ClusterConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, durationMs, oneOf, onlyKnown, typeOf, unpack } from './fields.ts';
import { compileHttp2Settings } from './http2-settings.ts';

/** How a cluster's endpoints are spoken to, whatever way the cluster says it. */
export interface UpstreamHttp {
  readonly protocol: ClusterConfig['protocol'];
  readonly http2: Http2Settings;
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  readonly maxRequestsPerConnection: number;
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const DEFAULT_IDLE_MS = 3_600_000;

/**
 * The extension, else the older fields of the cluster itself.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/upstreams/http/v3/http_protocol_options.proto
 */
export const compileUpstreamHttp = (json: Cluster): UpstreamHttp => {
  let common = json.commonHttpProtocolOptions;
  let path = 'commonHttpProtocolOptions';
  let spoken = clusterFields(json);
  for (const [key, any] of Object.entries(json.typedExtensionProtocolOptions ?? {})) {
    const here = `typedExtensionProtocolOptions["${key}"]`;
    oneOf(typeOf(any), '', [HTTP_OPTIONS], at(here, '@type'));
    const options = unpack<HttpProtocolOptions>(any);
    spoken = extension(options, here);
    common = options.commonHttpProtocolOptions;
    path = at(here, 'commonHttpProtocolOptions');
  }
  return {
    ...spoken,
    idleTimeoutMs: durationMs(common?.idleTimeout, DEFAULT_IDLE_MS, at(path, 'idleTimeout')),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0, at(path, 'maxConnectionDuration')),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
  };
};

type Spoken = Pick<UpstreamHttp, 'protocol' | 'http2'>;

const clusterFields = (json: Cluster): Spoken => {
  const http2 = compileHttp2Settings(json.http2ProtocolOptions, 'http2ProtocolOptions');
  const selection = oneOf(
    json.protocolSelection,
    'USE_CONFIGURED_PROTOCOL',
    ['USE_CONFIGURED_PROTOCOL', 'USE_DOWNSTREAM_PROTOCOL'],
    'protocolSelection',
  );
  if (selection === 'USE_DOWNSTREAM_PROTOCOL') return { protocol: 'downstream', http2 };
  return { protocol: json.http2ProtocolOptions ? 'http2' : 'http1', http2 };
};

const extension = (json: HttpProtocolOptions, path: string): Spoken => {
  onlyKnown(
    json,
    path,
    ['commonHttpProtocolOptions', 'explicitHttpConfig', 'useDownstreamProtocolConfig', 'autoConfig'],
    ['upstreamHttpProtocolOptions'],
  );
  if (json.upstreamHttpProtocolOptions) {
    onlyKnown(json.upstreamHttpProtocolOptions, at(path, 'upstreamHttpProtocolOptions'), []);
  }
  const { explicitHttpConfig, useDownstreamProtocolConfig, autoConfig } = json;
  if (explicitHttpConfig) {
    const here = at(path, 'explicitHttpConfig');
    const http2 = versions(explicitHttpConfig, here);
    return { protocol: explicitHttpConfig.http2ProtocolOptions ? 'http2' : 'http1', http2 };
  }
  if (useDownstreamProtocolConfig) {
    return {
      protocol: 'downstream',
      http2: versions(useDownstreamProtocolConfig, at(path, 'useDownstreamProtocolConfig')),
    };
  }
  if (autoConfig) return { protocol: 'auto', http2: versions(autoConfig, at(path, 'autoConfig')) };
  return fail(path, 'says no protocol');
};

/** HTTP/3 is not spoken. What the options of HTTP/1 say is tuning. */
const versions = (json: Versions, path: string): Http2Settings => {
  onlyKnown(json, path, ['httpProtocolOptions', 'http2ProtocolOptions']);
  return compileHttp2Settings(json.http2ProtocolOptions, at(path, 'http2ProtocolOptions'));
};

interface Versions {
  readonly httpProtocolOptions?: object;
  readonly http2ProtocolOptions?: Http2ProtocolOptions;
}
