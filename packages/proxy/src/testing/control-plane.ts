import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { systemClock } from '@weft/base/clock';
import { CertificateAuthority, createRoot } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { createKeyAndCsr } from '@weft/identity/key-and-csr';
import { methods } from '@weft/xds-api/type-urls';
import { decodeMessage, encodeMessage } from '@weft/xds/codec';
import { GrpcError, type GrpcHandler, serveGrpc, unaryHandler } from '@weft/xds/grpc';

const trustDomain = 'cluster.local';

interface Call {
  readonly authorization: string | undefined;
  readonly clientCertificate: boolean;
}

/** A control plane whose authority signs what it is asked, for whoever comes, unless told to refuse. */
export const testControlPlane = async (
  t: { after(fn: () => void): void },
  options: { readonly names?: readonly string[]; readonly routes?: ReadonlyMap<string, GrpcHandler> } = {},
) => {
  const { names = ['istiod.istio-system.svc'], routes = [] } = options;
  const root = createRoot({ trustDomain, clock: systemClock });
  const ca = new CertificateAuthority(root, systemClock);
  const own = createKeyAndCsr(`spiffe://${trustDomain}/ns/istio-system/sa/istiod`);
  const cert = ca.issue({
    spki: readCsr(own.csrPem).spki,
    spiffeId: `spiffe://${trustDomain}/ns/istio-system/sa/istiod`,
    dnsNames: names,
    ttlMs: 60_000,
  });
  const server = createSecureServer({
    key: own.privateKeyPem,
    cert,
    ca: root.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  const calls: Call[] = [];
  const behaviour: { refuse: number | null; ttlMs: number } = { refuse: null, ttlMs: 3_600_000 };
  const sign = unaryHandler((bytes, { headers, socket }) => {
    calls.push({
      authorization: headers.authorization,
      clientCertificate: (socket as TLSSocket).getPeerX509Certificate() !== undefined,
    });
    if (behaviour.refuse !== null) throw new GrpcError(behaviour.refuse, 'no');
    const { csr = '' } = decodeMessage<{ csr?: string }>('istio.v1.auth.IstioCertificateRequest', bytes);
    const { spki, names } = readCsr(csr);
    const leaf = ca.issue({ spki, spiffeId: names.uris[0] as string, ttlMs: behaviour.ttlMs });
    return encodeMessage('istio.v1.auth.IstioCertificateResponse', { certChain: [leaf, root.certificatePem] });
  });
  serveGrpc(server, new Map([...routes, [methods.createCertificate, sign]]));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  t.after(stop);
  return { port: (server.address() as AddressInfo).port, root, calls, behaviour, stop };
};
