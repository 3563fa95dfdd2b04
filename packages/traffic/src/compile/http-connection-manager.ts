import type {
  HttpConnectionManager,
  HttpConnectionManager_SetCurrentClientCertDetails,
} from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import type { HttpConnectionManagerConfig } from '../runtime-config.ts';
import { compileAccessLogs } from './access-log.ts';
import { fail } from './failure.ts';
import { at, durationMs, oneOf, onlyKnown, required } from './fields.ts';
import { compileHttp2Settings } from './http2-settings.ts';
import { compileHttpFilters } from './http-filters.ts';
import { routeTable } from './route-table.ts';
import { compileTracing } from './tracing.ts';

const KIB = 1024;
const DEFAULT_MAX_HEADERS_KIB = 60;
const DEFAULT_MAX_HEADERS = 100;
const DEFAULT_STREAM_IDLE_MS = 300_000;
const DEFAULT_CONNECTION_IDLE_MS = 3_600_000;
/** Envoy has none: a head that never ends would hold its connection for ever. */
const DEFAULT_REQUEST_HEADERS_MS = 30_000;

export const compileHttpConnectionManager = (
  json: HttpConnectionManager,
  path: string,
): HttpConnectionManagerConfig => {
  checkFields(json, path);
  const common = json.commonHttpProtocolOptions ?? {};
  const commonPath = at(path, 'commonHttpProtocolOptions');
  onlyKnown(
    common,
    commonPath,
    ['idleTimeout', 'maxHeadersCount', 'maxConnectionDuration', 'maxStreamDuration'],
    ['maxRequestsPerConnection', 'headersWithUnderscoresAction'],
  );
  oneOf(common.headersWithUnderscoresAction, 'ALLOW', ['ALLOW'], at(commonPath, 'headersWithUnderscoresAction'));
  checkClientCertDetails(json.setCurrentClientCertDetails ?? {}, at(path, 'setCurrentClientCertDetails'));
  return {
    kind: 'http',
    statPrefix: json.statPrefix ?? '',
    ...compileRoutes(json, path),
    ...compileHttpFilters(json.httpFilters, at(path, 'httpFilters')),
    forwardClientCert: forwardModes[json.forwardClientCertDetails ?? 'SANITIZE'],
    normalizePath: json.normalizePath ?? false,
    mergeSlashes: json.mergeSlashes ?? false,
    maxRequestHeadersBytes: (json.maxRequestHeadersKb ?? DEFAULT_MAX_HEADERS_KIB) * KIB,
    maxRequestHeaders: common.maxHeadersCount ?? DEFAULT_MAX_HEADERS,
    codec: codecs[oneOf(json.codecType, 'AUTO', ['AUTO', 'HTTP1', 'HTTP2'], at(path, 'codecType'))],
    http2: compileHttp2Settings(json.http2ProtocolOptions, at(path, 'http2ProtocolOptions')),
    streamIdleTimeoutMs: durationMs(json.streamIdleTimeout, DEFAULT_STREAM_IDLE_MS, at(path, 'streamIdleTimeout')),
    connectionIdleTimeoutMs: durationMs(common.idleTimeout, DEFAULT_CONNECTION_IDLE_MS, at(commonPath, 'idleTimeout')),
    maxConnectionDurationMs: durationMs(common.maxConnectionDuration, 0, at(commonPath, 'maxConnectionDuration')),
    maxStreamDurationMs: durationMs(common.maxStreamDuration, 0, at(commonPath, 'maxStreamDuration')),
    requestTimeoutMs: durationMs(json.requestTimeout, 0, at(path, 'requestTimeout')),
    requestHeadersTimeoutMs: durationMs(
      json.requestHeadersTimeout,
      DEFAULT_REQUEST_HEADERS_MS,
      at(path, 'requestHeadersTimeout'),
    ),
    // Passing through means for our own answers: no such header.
    serverName: json.serverHeaderTransformation === 'PASS_THROUGH' ? '' : json.serverName || 'envoy',
    upgrades: compileUpgrades(json, path),
    accessLog: compileAccessLogs(json.accessLog, at(path, 'accessLog')),
    tracing: json.tracing ? compileTracing(json.tracing, at(path, 'tracing')) : null,
  };
};

const codecs = { AUTO: 'auto', HTTP1: 'http1', HTTP2: 'http2' } as const;

const forwardModes = {
  SANITIZE: 'sanitize',
  SANITIZE_SET: 'sanitize_set',
  APPEND_FORWARD: 'append_forward',
  FORWARD_ONLY: 'forward_only',
  ALWAYS_FORWARD_ONLY: 'always_forward_only',
} as const;

const compileRoutes = (
  json: HttpConnectionManager,
  path: string,
): Pick<HttpConnectionManagerConfig, 'routeConfigName' | 'inlineRoutes'> => {
  if (json.routeConfig)
    return { routeConfigName: null, inlineRoutes: routeTable(json.routeConfig, at(path, 'routeConfig')) };
  const rds = json.rds ?? fail(path, 'has neither rds nor routeConfig');
  if (!rds.configSource?.ads) fail(at(path, 'rds.configSource'), 'must be ads');
  return { routeConfigName: required(rds.routeConfigName, at(path, 'rds.routeConfigName')), inlineRoutes: null };
};

const compileUpgrades = (json: HttpConnectionManager, path: string): string[] =>
  (json.upgradeConfigs ?? []).flatMap((upgrade, i) => {
    const here = at(at(path, 'upgradeConfigs'), i);
    onlyKnown(upgrade, here, ['upgradeType', 'enabled']);
    return upgrade.enabled === false ? [] : [required(upgrade.upgradeType, at(here, 'upgradeType')).toLowerCase()];
  });

/** What x-forwarded-client-cert may carry: By, Hash, Subject, URI and DNS; not the certificate itself. */
const checkClientCertDetails = (json: HttpConnectionManager_SetCurrentClientCertDetails, path: string): void =>
  onlyKnown(json, path, ['subject', 'uri', 'dns']);

const checkFields = (json: HttpConnectionManager, path: string): void => {
  onlyKnown(
    json,
    path,
    [
      'codecType',
      'statPrefix',
      'rds',
      'routeConfig',
      'httpFilters',
      'http2ProtocolOptions',
      'commonHttpProtocolOptions',
      'serverName',
      'serverHeaderTransformation',
      'maxRequestHeadersKb',
      'streamIdleTimeout',
      'requestTimeout',
      'requestHeadersTimeout',
      'accessLog',
      'tracing',
      'forwardClientCertDetails',
      'setCurrentClientCertDetails',
      'upgradeConfigs',
      'normalizePath',
      'mergeSlashes',
      'pathWithEscapedSlashesAction',
    ],
    [
      'httpProtocolOptions',
      'http3ProtocolOptions',
      'addUserAgent',
      'useRemoteAddress',
      'skipXffAppend',
      'via',
      'generateRequestId',
      'preserveExternalRequestId',
      'alwaysSetRequestIdInResponse',
      'requestIdExtension',
      'proxy100Continue',
      'drainTimeout',
      'drainTimeoutJitter',
      'delayedCloseTimeout',
      'streamFlushTimeout',
      'accessLogFlushInterval',
      'flushAccessLogOnNewRequest',
      'accessLogOptions',
      'streamErrorOnInvalidHttpMessage',
      'internalAddressConfig',
      'proxyStatusConfig',
      'appendXForwardedPort',
      'appendLocalOverload',
      'recordRouteResolutionStats',
      'http1SafeMaxConnectionDuration',
      'representIpv4RemoteAddressAsIpv4MappedIpv6',
    ],
  );
  oneOf(
    json.pathWithEscapedSlashesAction,
    'IMPLEMENTATION_SPECIFIC_DEFAULT',
    ['IMPLEMENTATION_SPECIFIC_DEFAULT', 'KEEP_UNCHANGED'],
    at(path, 'pathWithEscapedSlashesAction'),
  );
};
