import type { HttpConnectionManagerConfig } from '@weft/traffic/runtime-config';
import { requestId, traceparent } from './random-ids.ts';

/** What the proxy itself needs of a request's headers; empty strings where they are not there. */
export interface KnownHeaders {
  requestId: string;
  userAgent: string;
  forwardedFor: string;
  forwardedProto: string;
  forwardedClientCert: string;
  /** Base64, from an mTLS peer only. */
  peerMetadata: string;
  traced: boolean;
  grpc: boolean;
}

/** Of the `x-envoy-*` headers those that the sidecar of an mTLS peer may tell us; all others are taken out. */
const fromPeers = new Set([
  'x-envoy-attempt-count',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-original-host',
  'x-envoy-original-path',
]);

/**
 * One pass over a request's headers that takes out, in place, what nobody outside may set, and notes what is needed
 * later. `trusted`: the request comes from the sidecar of an mTLS peer.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/header_sanitizing
 */
export const sieveRequestHeaders = (headers: string[], trusted: boolean, known: KnownHeaders): void => {
  known.requestId = '';
  known.userAgent = '';
  known.forwardedFor = '';
  known.forwardedProto = '';
  known.forwardedClientCert = '';
  known.peerMetadata = '';
  known.traced = false;
  known.grpc = false;
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    switch (name.length) {
      case 2:
        // b3 in its single form: whoever traces with it is left alone.
        if (name === 'b3') known.traced = true;
        // As Envoy: of what a client offers to take, trailers are all that a proxy passes on.
        else if (name === 'te') {
          if (!/(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value)) continue;
          if (value !== 'trailers') headers[i + 1] = 'trailers';
        }
        break;
      case 10:
        if (name === 'user-agent') known.userAgent = value;
        break;
      case 11:
        if (name === 'traceparent') known.traced = true;
        break;
      case 12:
        if (name === 'x-request-id') known.requestId = value;
        else if (name === 'content-type') known.grpc = value.startsWith('application/grpc');
        else if (name === 'x-b3-traceid') known.traced = true;
        break;
      case 15:
        if (name === 'x-forwarded-for') known.forwardedFor = value;
        break;
      case 17:
        if (name === 'x-forwarded-proto') {
          known.forwardedProto = value;
          continue;
        }
        break;
      case 21:
        if (name === 'x-envoy-peer-metadata') {
          if (trusted) known.peerMetadata = value;
          continue;
        }
        break;
      case 23:
        if (name === 'x-forwarded-client-cert') {
          known.forwardedClientCert = known.forwardedClientCert ? `${known.forwardedClientCert},${value}` : value;
          continue;
        }
        break;
      default:
    }
    if (name.startsWith('x-envoy-') && !(trusted && fromPeers.has(name))) continue;
    if (kept !== i) {
      headers[kept] = name;
      headers[kept + 1] = headers[i + 1] as string;
    }
    kept += 2;
  }
  headers.length = kept;
};

/** How many new traces are marked as sampled: Istio's default, 1 %. */
const SAMPLED_SHARE = 0.01;

/**
 * Sets what the next hop may rely on. `random` decides whether a new trace is sampled; null where a tracer takes care of
 * the trace. Returns the scheme.
 */
export const addRequestHeaders = (
  headers: string[],
  known: KnownHeaders,
  tls: boolean,
  random: (() => number) | null,
): 'http' | 'https' => {
  let scheme: 'http' | 'https' = tls ? 'https' : 'http';
  if (known.forwardedProto === 'http' || known.forwardedProto === 'https') scheme = known.forwardedProto;
  headers.push('x-forwarded-proto', scheme);
  if (known.requestId === '') {
    known.requestId = requestId();
    headers.push('x-request-id', known.requestId);
  }
  if (random !== null && !known.traced) headers.push('traceparent', traceparent(random() < SAMPLED_SHARE));
  return scheme;
};

/** `x-forwarded-client-cert` by the connection manager's rule; `own` is this connection's element, empty without mTLS. */
export const forwardClientCert = (
  headers: string[],
  rule: HttpConnectionManagerConfig['forwardClientCert'],
  received: string,
  own: string,
): void => {
  let value = '';
  switch (rule) {
    case 'sanitize':
      return;
    case 'sanitize_set':
      value = own;
      break;
    case 'append_forward':
      // Without mTLS nothing vouches for what was received.
      if (own !== '') value = received === '' ? own : `${received},${own}`;
      break;
    case 'forward_only':
      if (own !== '') value = received;
      break;
    case 'always_forward_only':
      value = received;
  }
  if (value !== '') headers.push('x-forwarded-client-cert', value);
};
