import type { IncomingMessage } from 'node:http';

/** The caller as its certificate says, from the header that the sidecar sets; empty without mutual TLS. */
export const callerOf = (request: IncomingMessage): string =>
  /URI=([^;,]*)/.exec(String(request.headers['x-forwarded-client-cert'] ?? ''))?.[1] ?? '';

/** The trace that a request belongs to, as its headers say; empty if it belongs to none. */
export const traceIdOf = (request: IncomingMessage): string =>
  String(request.headers.traceparent ?? '').split('-')[1] ?? '';
