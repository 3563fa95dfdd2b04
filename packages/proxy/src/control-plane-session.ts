import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';

/** A name of the control plane's certificate that no workload's has. Istio's agent checks the same one. */
const CONTROL_PLANE_NAME = 'istiod.istio-system.svc';

export interface ClientCertificate {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly notAfterMs: number;
}

/**
 * Opens HTTP/2 over TLS to the control plane, with the workload's certificate where there is one. The peer must prove
 * to be the control plane, under `rootsPem`; a connection that fails shows as the session's `error`.
 */
export const connectControlPlane = (
  discoveryAddress: string,
  rootsPem: string,
  certificate: ClientCertificate | null,
): ClientHttp2Session =>
  connect(`https://${discoveryAddress}`, {
    ca: rootsPem,
    servername: CONTROL_PLANE_NAME,
    minVersion: 'TLSv1.2',
    ecdhCurve: 'X25519:P-256',
    ...(certificate && { cert: certificate.chainPem, key: certificate.privateKeyPem }),
  });

/** Throws what `readFileSync` throws. */
export const readRoots = (rootCertFile: string): string => readFileSync(rootCertFile, 'utf8');
