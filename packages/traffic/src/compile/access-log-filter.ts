import type { AccessRecord } from '@weft/telemetry/access-record';
import type {
  AccessLogFilter as FilterJson,
  ComparisonFilter,
  GrpcStatusFilter,
} from '@weft/xds-api/gen/envoy/config/accesslog/v3';
import type { RequestView } from '../request.ts';
import type { AccessLogFilter } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';
import { compileHeaderMatcher } from './string-matcher.ts';

/**
 * Which records a log has: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/accesslog/v3/accesslog.proto. By
 * status, duration, header of the request, response flags, status of gRPC, kind of record, and by several of these at once.
 */
export const compileAccessLogFilter = (json: FilterJson, path: string): AccessLogFilter => {
  onlyKnown(json, path, [
    'statusCodeFilter',
    'durationFilter',
    'notHealthCheckFilter',
    'andFilter',
    'orFilter',
    'headerFilter',
    'responseFlagFilter',
    'grpcStatusFilter',
    'logTypeFilter',
  ]);
  if (json.statusCodeFilter) {
    const holds = comparison(json.statusCodeFilter.comparison, at(path, 'statusCodeFilter.comparison'));
    return (record) => holds(record.responseCode);
  }
  if (json.durationFilter) {
    const holds = comparison(json.durationFilter.comparison, at(path, 'durationFilter.comparison'));
    return (record) => holds(Math.round(record.durationMs));
  }
  if (json.andFilter) {
    const all = several(json.andFilter.filters, at(path, 'andFilter.filters'));
    return (record) => all.every((filter) => filter(record));
  }
  if (json.orFilter) {
    const any = several(json.orFilter.filters, at(path, 'orFilter.filters'));
    return (record) => any.some((filter) => filter(record));
  }
  if (json.headerFilter) {
    const here = at(path, 'headerFilter.header');
    const matcher = compileHeaderMatcher(required(json.headerFilter.header, here), here);
    return (record) => matcher.matches(requestOf(record));
  }
  if (json.responseFlagFilter) {
    const wanted = new Set(json.responseFlagFilter.flags ?? []);
    return ({ responseFlags }) =>
      responseFlags !== '-' && (wanted.size === 0 || responseFlags.split(',').some((flag) => wanted.has(flag)));
  }
  if (json.grpcStatusFilter) return grpcStatus(json.grpcStatusFilter);
  if (json.logTypeFilter) {
    const { types = [], exclude = false } = json.logTypeFilter;
    return ({ protocol }) => types.includes(protocol === '' ? 'TcpConnectionEnd' : 'DownstreamEnd') !== exclude;
  }
  // No filter of ours answers health checks, so there are none to leave out.
  return json.notHealthCheckFilter ? () => true : fail(path, 'says nothing');
};

const several = (filters: readonly FilterJson[] | undefined, path: string): AccessLogFilter[] => {
  if ((filters?.length ?? 0) < 2) fail(path, 'must be two or more');
  return (filters ?? []).map((filter, i) => compileAccessLogFilter(filter, at(path, i)));
};

const comparison = (json: ComparisonFilter | undefined, path: string): ((value: number) => boolean) => {
  const { op = 'EQ', value } = required(json, path);
  const limit = required(value, at(path, 'value')).defaultValue ?? 0;
  if (op === 'GE') return (n) => n >= limit;
  if (op === 'LE') return (n) => n <= limit;
  return op === 'NE' ? (n) => n !== limit : (n) => n === limit;
};

const STATUSES =
  'OK CANCELED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'.split(
    ' ',
  );

/** Of what is not gRPC, Envoy makes a status from HTTP's: only 200 is OK, all else UNKNOWN here. */
const grpcStatus = ({ statuses = [], exclude = false }: GrpcStatusFilter): AccessLogFilter => {
  const wanted = new Set<string>(statuses);
  return ({ grpcStatus: status, responseCode }) => {
    const name = status === '' ? (responseCode === 200 ? 'OK' : 'UNKNOWN') : (STATUSES[Number(status)] ?? 'UNKNOWN');
    return wanted.has(name) !== exclude;
  };
};

const requestOf = (record: AccessRecord): RequestView => ({
  method: record.method,
  path: record.path,
  authority: record.authority,
  scheme: record.scheme === 'https' ? 'https' : 'http',
  headers: record.requestHeaders,
  connection: noConnection,
});

/** Header matchers look at the message alone. */
const noConnection: RequestView['connection'] = {
  sourceAddress: '',
  sourcePort: 0,
  destinationAddress: '',
  destinationPort: 0,
  mtls: false,
  peerPrincipal: '',
  sni: '',
};
