export interface ConnectionFailure {
  readonly kind: 'connect' | 'timeout' | 'overflow' | 'dns';
  /** As Envoy words it behind `reset reason: `. */
  readonly reason: string;
}

export const overflow: ConnectionFailure = { kind: 'overflow', reason: 'overflow' };

export const secretMissing: ConnectionFailure = {
  kind: 'connect',
  reason: 'remote connection failure, transport failure reason: TLS_error:|Secret is not supplied by SDS',
};

/** Of a connection that was not made. */
export const connectFailure = (error: NodeJS.ErrnoException | null): ConnectionFailure => {
  const code = error?.code;
  if (error?.message === 'connection timeout' || code === 'ETIMEDOUT') {
    return { kind: 'timeout', reason: 'connection timeout' };
  }
  if (code === 'EDNS') return { kind: 'dns', reason: 'DNS resolution failure' };
  const why = code === undefined ? (error?.message ?? 'Connection reset by peer') : (systemErrors[code] ?? code);
  return { kind: 'connect', reason: `remote connection failure, transport failure reason: ${why}` };
};

/** In Envoy's words. */
const systemErrors: Record<string, string> = {
  ECONNREFUSED: 'delayed connect error: Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'delayed connect error: No route to host',
  ENETUNREACH: 'immediate connect error: Network is unreachable',
};
