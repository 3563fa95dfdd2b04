import type { AccessRecord } from './access-record.ts';
import { longResponseFlags } from './response-flags.ts';
import { compileStrftime } from './strftime.ts';

/** Null: unset, written as `-`. */
export type Operator = (record: AccessRecord) => string | number | null;

/** What operators say of the process and not of a request. */
export interface AccessLogHost {
  readonly hostName: string;
  readonly environment: (name: string) => string | undefined;
}

const withoutPort = (address: string): string => address.slice(0, portColon(address));
const portOf = (address: string): string => address.slice(portColon(address) + 1);
/** `[::1]:80` and `127.0.0.1:80` alike: the port is behind the last colon. */
const portColon = (address: string): number => {
  const colon = address.lastIndexOf(':');
  return colon === -1 ? address.length : colon;
};

/** `X`, `X_WITHOUT_PORT`; the port under a name of its own. */
const address = (name: string, port: string, of: (r: AccessRecord) => string): Record<string, Operator> => ({
  [name]: of,
  [`${name}_WITHOUT_PORT`]: (r) => withoutPort(of(r)),
  [port]: (r) => portOf(of(r)),
});

let isoSecond = Number.NaN;
let isoText = '';
/** As `toISOString`, whose text of one second serves all requests of it. */
const isoTime = (ms: number): string => {
  const second = Math.floor(ms / 1000);
  if (second !== isoSecond) {
    isoSecond = second;
    isoText = new Date(second * 1000).toISOString().slice(0, -4);
  }
  return `${isoText}${String(Math.floor(ms) - second * 1000).padStart(3, '0')}Z`;
};

const known = (ms: number): number | null => (ms < 0 ? null : Math.round(ms));

const OPERATORS: Readonly<Record<string, Operator>> = {
  PROTOCOL: (r) => r.protocol,
  UPSTREAM_PROTOCOL: (r) => r.upstreamProtocol,
  RESPONSE_CODE: (r) => r.responseCode,
  RESPONSE_CODE_DETAILS: (r) => r.responseCodeDetails,
  RESPONSE_FLAGS: (r) => r.responseFlags,
  RESPONSE_FLAGS_LONG: (r) => longResponseFlags(r.responseFlags),
  BYTES_RECEIVED: (r) => r.requestBytes,
  BYTES_SENT: (r) => r.responseBytes,
  REQUEST_HEADERS_BYTES: (r) => r.requestHeadBytes,
  RESPONSE_HEADERS_BYTES: (r) => r.responseHeadBytes,
  DOWNSTREAM_HEADER_BYTES_RECEIVED: (r) => r.requestHeadBytes,
  DOWNSTREAM_HEADER_BYTES_SENT: (r) => r.responseHeadBytes,
  DOWNSTREAM_WIRE_BYTES_RECEIVED: (r) => r.requestHeadBytes + r.requestBytes,
  DOWNSTREAM_WIRE_BYTES_SENT: (r) => r.responseHeadBytes + r.responseBytes,
  DURATION: (r) => Math.round(r.durationMs),
  RESPONSE_DURATION: (r) => known(r.responseStartMs),
  RESPONSE_TX_DURATION: (r) => (r.responseStartMs < 0 ? null : known(r.durationMs - r.responseStartMs)),
  UPSTREAM_HOST: (r) => r.upstreamHost,
  UPSTREAM_HOST_NAME: (r) => r.upstreamHost,
  UPSTREAM_HOST_NAME_WITHOUT_PORT: (r) => withoutPort(r.upstreamHost),
  UPSTREAM_CLUSTER: (r) => r.upstreamCluster,
  UPSTREAM_CLUSTER_RAW: (r) => r.upstreamCluster,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (r) => r.attempts,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (r) => r.upstreamTransportFailure,
  UPSTREAM_PEER_URI_SAN: (r) => r.upstreamPeerPrincipal,
  ...address('UPSTREAM_REMOTE_ADDRESS', 'UPSTREAM_REMOTE_PORT', (r) => r.upstreamHost),
  ...address('UPSTREAM_LOCAL_ADDRESS', 'UPSTREAM_LOCAL_PORT', (r) => r.upstreamLocalAddress),
  ...address('DOWNSTREAM_REMOTE_ADDRESS', 'DOWNSTREAM_REMOTE_PORT', (r) => r.downstreamRemoteAddress),
  ...address('DOWNSTREAM_DIRECT_REMOTE_ADDRESS', 'DOWNSTREAM_DIRECT_REMOTE_PORT', (r) => r.downstreamRemoteAddress),
  ...address('DOWNSTREAM_LOCAL_ADDRESS', 'DOWNSTREAM_LOCAL_PORT', (r) => r.downstreamLocalAddress),
  ...address('DOWNSTREAM_DIRECT_LOCAL_ADDRESS', 'DOWNSTREAM_DIRECT_LOCAL_PORT', (r) => r.downstreamLocalAddress),
  DOWNSTREAM_PEER_URI_SAN: (r) => r.downstreamPeerPrincipal,
  DOWNSTREAM_LOCAL_URI_SAN: (r) => r.downstreamLocalPrincipal,
  REQUESTED_SERVER_NAME: (r) => r.requestedServerName,
  ROUTE_NAME: (r) => r.routeName,
  FILTER_CHAIN_NAME: (r) => r.filterChainName,
  CONNECTION_TERMINATION_DETAILS: (r) => r.connectionTermination,
  GRPC_STATUS_NUMBER: (r) => (/^\d+$/.test(r.grpcStatus) ? Number(r.grpcStatus) : null),
  TRACE_ID: (r) => r.traceId,
  STREAM_ID: (r) => r.requestId,
  ACCESS_LOG_TYPE: (r) => (r.protocol === '' ? 'TcpConnectionEnd' : 'DownstreamEnd'),
  EMIT_TIME: (r) => isoTime(r.startTimeMs + r.durationMs),
};

/** Parts of the request line under their names in HTTP/2, and what the proxy itself adds to headers. */
const REQUEST_HEADERS: Readonly<Record<string, Operator>> = {
  ':METHOD': (r) => r.method,
  ':PATH': (r) => r.path,
  ':SCHEME': (r) => r.scheme,
  'X-ENVOY-ORIGINAL-PATH': (r) => r.path,
  ':AUTHORITY': (r) => r.authority,
  HOST: (r) => r.authority,
  'X-FORWARDED-FOR': (r) => r.forwardedFor,
  'USER-AGENT': (r) => r.userAgent,
  'X-REQUEST-ID': (r) => r.requestId,
};

const RESPONSE_HEADERS: Readonly<Record<string, Operator>> = {
  ':STATUS': (r) => r.responseCode,
  'X-ENVOY-UPSTREAM-SERVICE-TIME': (r) => (r.upstreamServiceTimeMs < 0 ? null : r.upstreamServiceTimeMs),
};

/** Several headers of one name in a line, as Envoy writes them. */
const fieldOf = (headers: readonly string[], name: string): string | null => {
  let found: string | null = null;
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === name) found = found === null ? (headers[i + 1] as string) : `${found},${headers[i + 1]}`;
  return found;
};

/** Operators with an argument in parentheses; undefined: the argument is not known here. */
const WITH_ARGUMENT: Readonly<Record<string, (argument: string, host: AccessLogHost) => Operator | undefined>> = {
  REQ: (argument) => header(argument, REQUEST_HEADERS, (r) => r.requestHeaders),
  RESP: (argument) => header(argument, RESPONSE_HEADERS, (r) => r.responseHeaders),
  TRAILER: (argument) => header(argument, {}, (r) => r.responseTrailers),
  QUERY_PARAM: (name) => (r) => new URLSearchParams(r.path.split('?', 2)[1] ?? '').get(name),
  ENVIRONMENT: (argument, { environment }) => {
    const [name = '', otherwise] = argument.split(':', 2);
    const value = environment(name) ?? otherwise ?? null;
    return () => value;
  },
  GRPC_STATUS: (form) => grpcStatus(form),
  START_TIME: (format) => timeOf(format, (r) => r.startTimeMs),
  EMIT_TIME: (format) => timeOf(format, (r) => r.startTimeMs + r.durationMs),
};

/** `argument`: what stood in parentheses; `maxLength`: the number behind `:`. Undefined: not known here. */
export const findOperator = (
  name: string,
  argument: string | undefined,
  maxLength: number,
  host: AccessLogHost,
): Operator | undefined => {
  const operator = argument === undefined ? withoutArgument(name, host) : WITH_ARGUMENT[name]?.(argument, host);
  if (!operator || maxLength === Infinity) return operator;
  return (record) => {
    const value = operator(record);
    return typeof value === 'string' ? value.slice(0, maxLength) : value;
  };
};

const withoutArgument = (name: string, { hostName }: AccessLogHost): Operator | undefined => {
  if (name === 'START_TIME') return (r) => isoTime(r.startTimeMs);
  if (name === 'GRPC_STATUS') return grpcStatus('CAMEL_STRING');
  if (name === 'HOSTNAME') return () => hostName;
  return OPERATORS[name];
};

const HEADER_NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `X?Y`: the header Y where there is no X. */
const header = (
  argument: string,
  special: Readonly<Record<string, Operator>>,
  headers: (record: AccessRecord) => readonly string[],
): Operator | undefined => {
  const [main = '', other, ...rest] = argument.split('?');
  if (rest.length > 0) return undefined;
  const one = (name: string): Operator | undefined => {
    const upper = name.toUpperCase();
    if (Object.hasOwn(special, upper)) return special[upper];
    if (!HEADER_NAME.test(name) || name.startsWith(':')) return undefined;
    const lower = name.toLowerCase();
    return (record) => fieldOf(headers(record), lower);
  };
  const first = one(main);
  if (!first || other === undefined) return first;
  const second = one(other);
  if (!second) return undefined;
  return (record) => {
    const value = first(record);
    return value === null || value === '' ? second(record) : value;
  };
};

const timeOf = (format: string, of: (record: AccessRecord) => number): Operator | undefined => {
  const render = compileStrftime(format);
  return render && ((record) => render(of(record)));
};

const GRPC_STATUSES =
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'.split(
    ' ',
  );

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage: GRPC_STATUS(X) */
const grpcStatus = (form: string): Operator | undefined => {
  const named = (status: string): string | null => (status === '' ? null : (GRPC_STATUSES[Number(status)] ?? status));
  if (form === 'NUMBER') return (r) => (r.grpcStatus === '' ? null : r.grpcStatus);
  if (form === 'CAMEL_STRING') return (r) => named(r.grpcStatus);
  if (form === 'SNAKE_STRING')
    return (r) =>
      named(r.grpcStatus)
        ?.replace(/(?<=[a-z])[A-Z]/g, '_$&')
        .toUpperCase() ?? null;
  return undefined;
};
