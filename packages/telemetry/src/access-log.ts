import { WeftError } from '@weft/base/errors';
import { type AccessLogHost, findOperator, type Operator } from './access-log-operators.ts';
import type { AccessRecord } from './access-record.ts';

/**
 * Envoy's access log formats, https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage,
 * for what an AccessRecord holds. A format is compiled once; an operator that weft does not know is an error then, not
 * a dash later.
 */
export type AccessLogFormat = (record: AccessRecord) => string;

/** Istio's default, of `meshConfig.accessLogFormat`. */
export const ISTIO_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% ' +
  '%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% ' +
  '%ROUTE_NAME%\n';

/** Istio's fields where `accessLogEncoding` is JSON and no format is given. */
export const ISTIO_JSON_FORMAT: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

/** How lines look, as configuration says it. */
export type AccessLogFormatSettings =
  /** Null: Istio's own line. */
  | { readonly encoding: 'TEXT'; readonly text: string | null }
  /** Null: Istio's own fields. Else text, numbers, truth values, and objects and lists of them. */
  | { readonly encoding: 'JSON'; readonly fields: Readonly<Record<string, unknown>> | null };

const noHost: AccessLogHost = { hostName: '', environment: () => undefined };

/** Throws WeftError `invalidValue` on a malformed format or an unknown operator. */
export const compileAccessLogFormat = (settings: AccessLogFormatSettings, host = noHost): AccessLogFormat =>
  settings.encoding === 'TEXT'
    ? compileTextFormat(settings.text ?? ISTIO_TEXT_FORMAT, host)
    : compileJsonFormat(settings.fields ?? ISTIO_JSON_FORMAT, host);

/** Throws as `compileAccessLogFormat` does. */
export const compileTextFormat = (format: string, host = noHost): AccessLogFormat => {
  const parts = parse(format, host).map((part) => (typeof part === 'string' ? part : textOf(part)));
  return (record) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : part(record);
    return line;
  };
};

/**
 * One JSON object a line. A field that is one operator alone keeps the operator's type (numbers stay numbers, what is
 * unset is null), as with Envoy's `json_format`; fields may be nested.
 */
export const compileJsonFormat = (fields: Readonly<Record<string, unknown>>, host = noHost): AccessLogFormat => {
  const render = jsonValue(fields, host);
  return (record) => `${JSON.stringify(render(record))}\n`;
};

const jsonValue = (value: unknown, host: AccessLogHost): ((record: AccessRecord) => unknown) => {
  if (typeof value === 'string') {
    const [only, ...rest] = parse(value, host);
    if (rest.length > 0 || typeof only !== 'function') return compileTextFormat(value, host);
    return (record) => {
      const found = only(record);
      return found === '' ? null : found;
    };
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => jsonValue(item, host));
    return (record) => items.map((item) => item(record));
  }
  if (typeof value !== 'object' || value === null) return () => value;
  const entries = Object.entries(value).map(([name, inner]) => [name, jsonValue(inner, host)] as const);
  return (record) => Object.fromEntries(entries.map(([name, of]) => [name, of(record)]));
};

const OPERATOR = /%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/y;

const parse = (format: string, host: AccessLogHost): (string | Operator)[] => {
  const parts: (string | Operator)[] = [];
  let literal = '';
  for (let at = 0; at < format.length; ) {
    if (format[at] !== '%') {
      literal += format[at++];
    } else if (format[at + 1] === '%') {
      literal += '%';
      at += 2;
    } else {
      OPERATOR.lastIndex = at;
      const m = OPERATOR.exec(format);
      if (!m) throw new WeftError('invalidValue', `access log format: no operator at ${quote(format.slice(at))}`);
      const operator = findOperator(m[1] as string, m[2], m[3] === undefined ? Infinity : Number(m[3]), host);
      if (!operator) throw new WeftError('invalidValue', `access log format: unknown operator ${m[0]}`);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(operator);
      at = OPERATOR.lastIndex;
    }
  }
  if (literal !== '') parts.push(literal);
  return parts;
};

/**
 * A header's value with operators in it, as Envoy's `request_headers_to_add` have them: what is unset is nothing, not a dash.
 * Null: there are none in it. Throws as `compileAccessLogFormat` does.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers
 */
export const compileHeaderFormat = (format: string): AccessLogFormat | null => {
  const parts = parse(format, noHost);
  if (parts.every((part) => typeof part === 'string')) return null;
  return (record) => {
    let value = '';
    for (const part of parts) value += typeof part === 'string' ? part : escapeControl(String(part(record) ?? ''));
    return value;
  };
};

const textOf =
  (operator: Operator): ((record: AccessRecord) => string) =>
  (record) => {
    const value = operator(record);
    return value === null || value === '' ? '-' : typeof value === 'number' ? String(value) : escapeControl(value);
  };

/** Paths and headers come from strangers: a line break of theirs must not begin a line of the log. */
const escapeControl = (text: string): string => {
  // A look first: it costs a tenth of a replacement that finds nothing.
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) return escaped(text);
  }
  return text;
};

const escaped = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  text.replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
