import type { ListenerFilter } from '@weft/xds-api/gen/envoy/config/listener/v3';
import { extension } from '../typed.ts';

/** Tells TLS from other bytes, and the names that a ClientHello asks for. */
export const tlsInspector: ListenerFilter = extension(
  'envoy.filters.listener.tls_inspector',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  {},
);

/** Tells HTTP/1 and HTTP/2 in plaintext from other bytes. */
export const httpInspector: ListenerFilter = extension(
  'envoy.filters.listener.http_inspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  {},
);
