import type { ClientHttp2Session } from 'node:http2';
import type { Credentials } from '@weft/identity/workload-identity';
import { connectControlPlane } from '@weft/proxy/control-plane-session';

/** The connection to the control plane that Envoy's streams share. */
export class AdsSession {
  readonly #address: string;
  readonly #credentials: () => Credentials;
  #current: { readonly session: ClientHttp2Session; readonly as: Credentials } | null = null;

  constructor(address: string, credentials: () => Credentials) {
    this.#address = address;
    this.#credentials = credentials;
  }

  /** The open connection, or a new one: when there is none, and once the certificate was renewed. */
  open(): ClientHttp2Session {
    const as = this.#credentials();
    if (this.#current?.as === as && !this.#current.session.closed && !this.#current.session.destroyed) {
      return this.#current.session;
    }
    // Streams that run on the old one may go on; no new one begins there.
    this.#current?.session.close();
    const session = connectControlPlane(this.#address, as.bundle.pem, as);
    // Each call on it ends with the reason, and Envoy tries again.
    session.on('error', () => {});
    this.#current = { session, as };
    return session;
  }

  close(): void {
    this.#current?.session.destroy();
  }
}
