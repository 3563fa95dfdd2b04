import type { Clock } from '@weft/base/clock';
import { errors } from '@weft/base/errors';
import { formatSpiffeId } from '@weft/identity/spiffe';
import type { Mesh, Pod } from '@weft/model/mesh';
import { type AdsConnection, type AdsEvent, AdsServer } from '@weft/xds/server/ads-server';
import type { ResourceSet } from '@weft/translate/translate';
import type { ProxyNode } from '@weft/translate/proxy-node';
import { typeUrls } from '@weft/xds-api/type-urls';
import { diffSnapshots, makeSnapshot, type Snapshot } from '@weft/xds/snapshot';
import type { LineLog } from '@weft/telemetry/log';
import type { PushMetrics } from '../status/push-metrics.ts';
import { podOfNode } from './proxy-pod.ts';

/** `translateProxy` of @weft/translate. The same mesh and node give the same objects: each is encoded once. */
export type TranslateProxy = (mesh: Mesh, node: ProxyNode) => ResourceSet;

export interface ProxySessionsOptions {
  readonly clock: Clock;
  readonly log: LineLog;
  readonly metrics: PushMetrics;
  readonly translate: TranslateProxy;
  readonly currentMesh: () => Mesh | null;
  /** Looks at the sources at once: a proxy may connect before the file that names its pod was seen. */
  readonly refresh: () => void;
}

/** A resource that a proxy refused; it stays with the last version it accepted. */
export interface Nack {
  readonly typeUrl: string;
  readonly resourceName: string;
  readonly version: string;
  readonly message: string;
}

/** A connected proxy. */
export interface ProxySession {
  readonly connection: AdsConnection;
  readonly podKey: string;
  readonly dataPlane: 'weft' | 'envoy';
  /** Wall-clock ms. */
  readonly connectedAt: number;
  snapshot: Snapshot;
  /** Monotonic ms at which `snapshot` was decided. */
  pushedAt: number;
  /** The snapshot all of whose resources are acknowledged. */
  syncedVersion: string | null;
  /** Acknowledged responses by type URL. */
  readonly acks: Map<string, number>;
  /** By type URL and name. */
  readonly nacks: Map<string, Nack>;
}

/** Who is connected, and what each of them is told: a snapshot at first, another whenever the mesh gives them another. */
export class ProxySessions {
  readonly server: AdsServer;
  readonly #options: ProxySessionsOptions;
  readonly #sessions = new Map<number, ProxySession>();

  constructor(options: ProxySessionsOptions) {
    this.#options = options;
    this.server = new AdsServer({
      clock: options.clock,
      connect: (connection) => this.#connect(connection),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  get all(): readonly ProxySession[] {
    return [...this.#sessions.values()];
  }

  /** To be called with each new mesh. `changedAt`: monotonic ms at which the change was noticed. */
  update(mesh: Mesh, changedAt: number): void {
    for (const session of this.#sessions.values()) {
      const pod = mesh.pods.get(session.podKey);
      if (!pod || !this.#owns(session.connection, mesh, pod)) {
        this.server.disconnect(session.connection.id, `pod ${session.podKey} is gone`);
        continue;
      }
      const snapshot = this.#snapshot(mesh, pod, session.dataPlane);
      if (snapshot.version === session.snapshot.version) continue;
      this.#options.metrics.pushed(diffSnapshots(session.snapshot, snapshot).keys());
      session.snapshot = snapshot;
      session.pushedAt = changedAt;
      this.server.push(session.connection.id, snapshot);
    }
  }

  #connect(connection: AdsConnection): { readonly snapshot: Snapshot } | { readonly refuse: string } {
    const { currentMesh, refresh, clock } = this.#options;
    const named = podOfNode(connection.node.id ?? '');
    if (!named) return this.#refuse(connection, 'the node id names no pod; it must be TYPE~IP~POD.NAMESPACE~DOMAIN');
    const podKey = `${named.namespace}/${named.name}`;
    if (!currentMesh()?.pods.has(podKey)) refresh();
    const mesh = currentMesh();
    const pod = mesh?.pods.get(podKey);
    // One answer for both, or a caller could find out which pods there are.
    if (!mesh || !pod || !this.#owns(connection, mesh, pod)) {
      return this.#refuse(
        connection,
        `${connection.peer.principal || 'a caller without a certificate'} is not the identity of pod ${podKey}`,
      );
    }
    const dataPlane = connection.node.metadata?.WEFT_DATA_PLANE === 'weft' ? 'weft' : 'envoy';
    const snapshot = this.#snapshot(mesh, pod, dataPlane);
    this.#sessions.set(connection.id, {
      connection,
      podKey,
      dataPlane,
      connectedAt: clock.now(),
      snapshot,
      pushedAt: clock.monotonic(),
      syncedVersion: null,
      acks: new Map(),
      nacks: new Map(),
    });
    this.#options.metrics.pushed(snapshot.resources.keys());
    this.#options.log.info('proxy connected', { pod: podKey, dataPlane, protocol: connection.protocol });
    return { snapshot };
  }

  #refuse(connection: AdsConnection, reason: string): { readonly refuse: string } {
    const { code } = errors.identityMismatch;
    this.#options.log.warning('proxy refused', { code, node: connection.node.id ?? '', reason });
    this.#options.metrics.refused();
    return { refuse: `${code}: ${reason}` };
  }

  #owns(connection: AdsConnection, mesh: Mesh, pod: Pod): boolean {
    const { namespace, serviceAccount } = pod;
    try {
      return connection.peer.principal === formatSpiffeId({ trustDomain: mesh.trustDomain, namespace, serviceAccount });
    } catch {
      return false;
    }
  }

  #snapshot(mesh: Mesh, pod: Pod, dataPlane: 'weft' | 'envoy'): Snapshot {
    const { listeners, routes, clusters, endpoints } = this.#options.translate(mesh, {
      pod,
      dataPlane,
      bindAddress: pod.ip,
    });
    return makeSnapshot({
      [typeUrls.listener]: listeners,
      [typeUrls.routeConfiguration]: routes,
      [typeUrls.cluster]: clusters,
      [typeUrls.clusterLoadAssignment]: endpoints,
    });
  }

  #onEvent(event: AdsEvent): void {
    const session = this.#sessions.get(event.connection.id);
    if (!session) return;
    const { log, metrics, clock } = this.#options;
    const pod = session.podKey;
    switch (event.kind) {
      case 'ack':
        session.acks.set(event.typeUrl, (session.acks.get(event.typeUrl) ?? 0) + 1);
        break;
      case 'rejected':
        metrics.rejected(event.typeUrl);
        log.warning('response rejected', { pod, type: event.typeUrl, reason: event.message });
        break;
      case 'nack': {
        const { typeUrl, resourceName, version, message } = event;
        metrics.rejected(typeUrl);
        session.nacks.set(`${typeUrl} ${resourceName}`, { typeUrl, resourceName, version, message });
        log.error('resource refused', {
          code: errors.resourceRejected.code,
          pod,
          type: typeUrl,
          resource: resourceName,
          reason: message,
        });
        break;
      }
      case 'warmDeadline':
        log.warning('endpoints not acknowledged in time', { pod, clusters: event.endpointNames.join(',') });
        break;
      case 'synced':
        this.#synced(session, event.version);
        if (event.version === session.snapshot.version)
          metrics.converged((clock.monotonic() - session.pushedAt) / 1000);
        break;
      case 'disconnect':
        this.#sessions.delete(event.connection.id);
        log.info('proxy disconnected', { pod, reason: event.message });
        break;
    }
  }

  #synced(session: ProxySession, version: string): void {
    session.syncedVersion = version;
    if (version !== session.snapshot.version) return;
    // A version that is no longer served, or was replaced by one that was accepted, is no longer a complaint.
    for (const [key, nack] of session.nacks) {
      if (session.snapshot.resources.get(nack.typeUrl)?.get(nack.resourceName)?.version !== nack.version)
        session.nacks.delete(key);
    }
  }
}
