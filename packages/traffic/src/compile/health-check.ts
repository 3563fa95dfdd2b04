import type {
  HealthCheck,
  HealthCheck_GrpcHealthCheck,
  HealthCheck_HttpHealthCheck,
  HealthCheck_Payload,
  HealthCheck_TcpHealthCheck,
  HeaderValueOption,
  RequestMethod,
} from '@weft/xds-api/gen/envoy/config/core/v3';
import type { Int64Range } from '@weft/xds-api/gen/envoy/type/v3';
import { emptyAccessRecord } from '@weft/telemetry/access-record';
import { applyHeaderOperations } from '../header-operations.ts';
import type {
  GrpcProbe,
  HealthCheckConfig,
  HttpProbe,
  StatusRange,
  TcpProbe,
} from '../health-check/health-check-config.ts';
import { fail } from './failure.ts';
import { at, durationMs, integer, oneOf, onlyKnown, required } from './fields.ts';
import { foldHeaderSteps, headerSteps } from './header-operations.ts';

const DEFAULT_NO_TRAFFIC_MS = 60_000;

/**
 * With Envoy's defaults. Only one check per cluster, as by far the most have. Each check makes a connection of its own, so
 * `reuse_connection` changes nothing; logs of events are Envoy's own.
 */
export const compileHealthCheck = (json: HealthCheck, path: string): HealthCheckConfig => {
  onlyKnown(json, path, used, [
    'reuseConnection',
    'eventLogPath',
    'eventLogger',
    'eventService',
    'alwaysLogHealthCheckFailures',
    'alwaysLogHealthCheckSuccess',
  ]);
  const duration = (field: Duration, absent: number): number => durationMs(json[field], absent, at(path, field));
  const positive = (field: 'timeout' | 'interval'): number =>
    duration(field, 0) > 0 ? duration(field, 0) : fail(at(path, field), 'must be above 0');
  const intervalMs = positive('interval');
  const unhealthyIntervalMs = duration('unhealthyInterval', intervalMs);
  const noTrafficIntervalMs = duration('noTrafficInterval', DEFAULT_NO_TRAFFIC_MS);
  return {
    probe: probe(json, path),
    timeoutMs: positive('timeout'),
    intervalMs,
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: duration('unhealthyEdgeInterval', unhealthyIntervalMs),
    healthyEdgeIntervalMs: duration('healthyEdgeInterval', intervalMs),
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: duration('noTrafficHealthyInterval', noTrafficIntervalMs),
    initialJitterMs: duration('initialJitter', 0),
    intervalJitterMs: duration('intervalJitter', 0),
    intervalJitterPercent: json.intervalJitterPercent ?? 0,
    unhealthyThreshold: required(json.unhealthyThreshold, at(path, 'unhealthyThreshold')),
    healthyThreshold: required(json.healthyThreshold, at(path, 'healthyThreshold')),
    altPort: json.altPort ?? 0,
  };
};

type Duration = Extract<keyof HealthCheck, `${string}nterval` | 'timeout' | `${string}Jitter`>;

const used: readonly (keyof HealthCheck)[] = [
  'timeout',
  'interval',
  'initialJitter',
  'intervalJitter',
  'intervalJitterPercent',
  'unhealthyThreshold',
  'healthyThreshold',
  'altPort',
  'httpHealthCheck',
  'tcpHealthCheck',
  'grpcHealthCheck',
  'noTrafficInterval',
  'noTrafficHealthyInterval',
  'unhealthyInterval',
  'unhealthyEdgeInterval',
  'healthyEdgeInterval',
];

const probe = (json: HealthCheck, path: string): HealthCheckConfig['probe'] => {
  if (json.httpHealthCheck) return http(json.httpHealthCheck, at(path, 'httpHealthCheck'));
  if (json.grpcHealthCheck) return grpc(json.grpcHealthCheck, at(path, 'grpcHealthCheck'));
  if (json.tcpHealthCheck) return tcp(json.tcpHealthCheck, at(path, 'tcpHealthCheck'));
  return fail(path, 'says no kind of check');
};

const METHODS: readonly RequestMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'];

const http = (json: HealthCheck_HttpHealthCheck, path: string): HttpProbe => {
  onlyKnown(json, path, [
    'host',
    'path',
    'requestHeadersToAdd',
    'expectedStatuses',
    'retriableStatuses',
    'codecClientType',
    'method',
  ]);
  const target = required(json.path, at(path, 'path'));
  if (!/^\/[!-~]*$/.test(target)) fail(at(path, 'path'), `"${target}" is not a path`);
  const method = oneOf(
    json.method === 'METHOD_UNSPECIFIED' ? undefined : json.method,
    'GET',
    METHODS,
    at(path, 'method'),
  );
  const expected = statuses(json.expectedStatuses, at(path, 'expectedStatuses'));
  return {
    kind: 'http',
    method,
    path: target,
    host: json.host ?? '',
    headers: headers(json.requestHeadersToAdd, at(path, 'requestHeadersToAdd')),
    http2: oneOf(json.codecClientType, 'HTTP1', ['HTTP1', 'HTTP2'], at(path, 'codecClientType')) === 'HTTP2',
    expected: expected.length > 0 ? expected : [[200, 201]],
    retriable: statuses(json.retriableStatuses, at(path, 'retriableStatuses')),
  };
};

const headers = (json: readonly HeaderValueOption[] | undefined, path: string): string[] => {
  const flat: string[] = [];
  applyHeaderOperations(foldHeaderSteps(headerSteps(json, [], path, '')), flat, { accessRecord: emptyAccessRecord });
  return flat;
};

const statuses = (json: readonly Int64Range[] | undefined, path: string): StatusRange[] =>
  (json ?? []).map((range, i) => {
    const start = integer(range.start, 0, at(at(path, i), 'start'));
    const end = integer(range.end, 0, at(at(path, i), 'end'));
    return start >= 100 && end <= 600 && start < end
      ? [start, end]
      : fail(at(path, i), 'is not a range from 100 to 600');
  });

const grpc = (json: HealthCheck_GrpcHealthCheck, path: string): GrpcProbe => {
  onlyKnown(json, path, ['serviceName', 'authority']);
  return { kind: 'grpc', service: json.serviceName ?? '', authority: json.authority ?? '' };
};

const tcp = (json: HealthCheck_TcpHealthCheck, path: string): TcpProbe => {
  onlyKnown(json, path, ['send', 'receive']);
  return {
    kind: 'tcp',
    send: json.send ? payload(json.send, at(path, 'send')) : new Uint8Array(),
    receive: (json.receive ?? []).map((part, i) => payload(part, at(at(path, 'receive'), i))),
  };
};

/** Text is hexadecimal, as in Envoy; binary comes as base64. */
const payload = (json: HealthCheck_Payload, path: string): Uint8Array => {
  if (json.binary) return Uint8Array.from(atob(json.binary), (character) => character.charCodeAt(0));
  const text = json.text ?? '';
  if (text === '' || text.length % 2 === 1 || !/^[0-9a-f]*$/i.test(text)) fail(at(path, 'text'), 'is not hexadecimal');
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
};
