import type { Cluster, Host } from '../context.ts';
import type { RequestMetrics } from '../telemetry.ts';
import type { TlsSession } from './connect.ts';
import { ConnectionGroup, type ConnectionWaiter, type PendingConnection } from './connection-group.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import type { Upstreams } from './upstreams.ts';

/** What a request needs of its stream: to carry HTTP, to be upgraded, or to carry bytes that are no HTTP. */
export type StreamNeed = 'http' | 'upgrade' | 'bytes';

/** All connections to one host, whatever is spoken on them. */
export class HostPool {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly #upstreams: Upstreams;
  #http1: ConnectionGroup | null = null;
  #http2: ConnectionGroup | null = null;
  #auto: ConnectionGroup | null = null;
  #session: TlsSession | undefined;
  #sessionKey = '';
  /** The router's: handle of the metrics of requests to this host, and what it was made for. */
  metrics: RequestMetrics | null = null;
  metricsFor: readonly unknown[] = [];

  constructor(cluster: Cluster, host: Host, upstreams: Upstreams) {
    this.cluster = cluster;
    this.host = host;
    this.#upstreams = upstreams;
  }

  /** Open and opening. */
  get connections(): readonly UpstreamConnection[] {
    return this.#groups().flatMap((group) => [...group.connections]);
  }

  get connectionCount(): number {
    return this.#groups().reduce((count, group) => count + group.connections.size, 0);
  }

  #groups(): readonly ConnectionGroup[] {
    return [this.#http1, this.#http2, this.#auto].filter((group) => group !== null);
  }

  /** Null if the waiter was answered at once. `http2Client`: the request came by HTTP/2. */
  request(waiter: ConnectionWaiter, need: StreamNeed = 'http', http2Client = false): PendingConnection | null {
    return this.#groupFor(need, http2Client).request(waiter);
  }

  #groupFor(need: StreamNeed, http2Client: boolean): ConnectionGroup {
    const { protocol } = this.cluster.config;
    if (protocol === 'http1' || need === 'bytes') return this.#forHttp1();
    if (protocol === 'http2') return this.#forHttp2();
    if (protocol === 'downstream') return http2Client ? this.#forHttp2() : this.#forHttp1();
    if (this.host.tls === null) return this.#forHttp1();
    this.#auto ??= new ConnectionGroup(this, this.#upstreams, 'auto');
    // Who takes no extended CONNECT is asked in HTTP/1.1, which always can.
    return need === 'upgrade' && !this.#auto.takesUpgrades ? this.#forHttp1() : this.#auto;
  }

  #forHttp1(): ConnectionGroup {
    this.#http1 ??= new ConnectionGroup(this, this.#upstreams, 'http1');
    return this.#http1;
  }

  #forHttp2(): ConnectionGroup {
    this.#http2 ??= new ConnectionGroup(this, this.#upstreams, 'http2');
    return this.#http2;
  }

  connectionClosed(): void {
    if (this.host.removed && this.connectionCount === 0) this.#upstreams.forget(this);
  }

  /** Idle ones close now, those in use after their exchanges. */
  drain(tlsOnly: boolean): void {
    if (tlsOnly) this.#session = undefined;
    for (const connection of this.connections) {
      if (!tlsOnly || connection.tlsKey !== '') connection.close();
    }
  }

  /** Closes, now or after their exchanges, those to addresses that the host's name does not have any more. */
  drainOthers(addresses: readonly string[]): void {
    for (const connection of this.connections) {
      const { remoteAddress } = connection.socket;
      if (remoteAddress !== undefined && !addresses.includes(remoteAddress)) connection.close();
    }
  }

  session(tlsKey: string): TlsSession | undefined {
    const valid = this.#session !== undefined && this.#upstreams.context.clock.now() < this.#session.notAfterMs;
    return valid && this.#sessionKey === tlsKey ? this.#session : undefined;
  }

  keepSession(tlsKey: string, session: TlsSession): void {
    this.#session = session;
    this.#sessionKey = tlsKey;
  }

  forgetSession(): void {
    this.#session = undefined;
  }
}
