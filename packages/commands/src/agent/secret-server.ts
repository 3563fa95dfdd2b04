import { getCACertificates } from 'node:tls';
import type { Clock } from '@weft/base/clock';
import type { Credentials } from '@weft/identity/workload-identity';
import { methods, typeUrls } from '@weft/xds-api/type-urls';
import type { GrpcHandler } from '@weft/xds/grpc';
import { AdsServer } from '@weft/xds/server/ads-server';
import { makeSnapshot, type Snapshot } from '@weft/xds/snapshot';

const DELTA_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets';

/** Answers Envoy's SDS with the workload's key and certificate (`default`), the mesh's roots (`ROOTCA`), and the system's. */
export class SecretServer {
  readonly #server: AdsServer;
  #snapshot: Snapshot;

  constructor(clock: Clock, credentials: Credentials) {
    this.#snapshot = snapshotOf(credentials);
    // Whoever can open the socket (0600, in a 0700 directory) is this user's Envoy.
    this.#server = new AdsServer({ clock, connect: () => ({ snapshot: this.#snapshot }) });
  }

  get routes(): ReadonlyMap<string, GrpcHandler> {
    const peer = { principal: '' };
    return new Map<string, GrpcHandler>([
      [methods.streamSecrets, (call) => this.#server.accept('sotw', call, peer)],
      [DELTA_SECRETS, (call) => this.#server.accept('delta', call, peer)],
    ]);
  }

  rotate(credentials: Credentials): void {
    this.#snapshot = snapshotOf(credentials);
    for (const { id } of this.#server.connections) this.#server.push(id, this.#snapshot);
  }
}

const snapshotOf = (credentials: Credentials): Snapshot =>
  makeSnapshot({
    [typeUrls.secret]: [
      {
        name: 'default',
        tlsCertificate: {
          certificateChain: { inlineString: credentials.chainPem },
          privateKey: { inlineString: credentials.privateKeyPem },
        },
      },
      { name: 'ROOTCA', validationContext: { trustedCa: { inlineString: credentials.bundle.pem } } },
      ...systemRoots(),
    ],
  });

/** Under Istio's name; none where the system has none, so that what asks for them stays shut. */
const systemRoots = (): object[] => {
  const roots = getCACertificates('system');
  if (roots.length === 0) return [];
  return [{ name: 'file-root:system', validationContext: { trustedCa: { inlineString: roots.join('\n') } } }];
};
