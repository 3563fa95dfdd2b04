import type { Clock } from '@weft/base/clock';
import { errors } from '@weft/base/errors';
import { formatSpiffeId } from '@weft/identity/spiffe';
import type { Mesh, Pod } from '@weft/model/mesh';
import { type AdsConnection, type AdsEvent, AdsServer } from '@weft/xds/server/ads-server';
import type { ResourceSet, TranslatedProxy } from '@weft/translate/translate';
import type { ProxyNode } from '@weft/translate/proxy-node';
import { typeUrls } from '@weft/xds-api/type-urls';
import { changedTypes, makeSnapshot, type ResourceLists, type Snapshot } from '@weft/xds/snapshot';
import type { LineLog } from '@weft/telemetry/log';
import type { PushMetrics } from '../status/push-metrics.ts';
import { podOfNode } from './proxy-pod.ts';
import { PushPace } from './push-pace.ts';

/** `translateParts` of @weft/translate. What did not change is the same object: it is encoded, and looked at, once. */
export type TranslateProxy = (mesh: Mesh, node: ProxyNode) => TranslatedProxy;

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
  readonly dataPlane: ProxyNode['dataPlane'];
  /** It takes virtual hosts as resources of their own. */
  readonly vhds: boolean;
  /** Wall-clock ms. */
  readonly connectedAt: number;
  snapshot: Snapshot;
  /** What `snapshot` was made of. */
  translated: TranslatedProxy;
  /** Monotonic ms at which `snapshot` was decided. */
  pushedAt: number;
  /** The snapshot all of whose resources are acknowledged. */
  syncedVersion: string | null;
  /** Acknowledged responses by type URL. */
  readonly acks: Map<string, number>;
  /** By type URL and name. */
  readonly nacks: Map<string, Nack>;
}

interface Update {
  readonly mesh: Mesh;
  readonly changedAt: number;
}

/** Who is connected, and what each of them is told: a snapshot at first, another whenever the mesh gives them another. */
export class ProxySessions {
  readonly server: AdsServer;
  readonly #options: ProxySessionsOptions;
  readonly #sessions = new Map<number, ProxySession>();
  readonly #pace: PushPace<Update>;

  constructor(options: ProxySessionsOptions) {
    this.#options = options;
    this.#pace = new PushPace(
      options.clock,
      (update) => this.#push(update),
      (waiting, { mesh }) => ({ mesh, changedAt: waiting.changedAt }),
    );
    this.server = new AdsServer({
      clock: options.clock,
      connect: (connection) => this.#connect(connection),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  get all(): readonly ProxySession[] {
    return [...this.#sessions.values()];
  }

  /**
   * To be called with each new mesh; proxies are told at once, or in a moment if they are told all the time.
   * `changedAt`: monotonic ms at which the change was noticed.
   */
  update(mesh: Mesh, changedAt: number): void {
    this.#pace.ask({ mesh, changedAt });
  }

  /** Ends all connections. */
  close(): void {
    this.#pace.close();
    this.server.close();
  }

  #push({ mesh, changedAt }: Update): void {
    for (const session of this.#sessions.values()) {
      const pod = mesh.pods.get(session.podKey);
      if (!pod || !this.#owns(session.connection, mesh, pod)) {
        this.server.disconnect(session.connection.id, `pod ${session.podKey} is gone`);
        continue;
      }
      const translated = this.#options.translate(mesh, nodeOf(pod, session));
      const { shared, own } = session.translated;
      if (translated.shared === shared && translated.own === own) continue;
      const before = session.snapshot;
      const snapshot = makeSnapshot(listsOf(translated.shared), listsOf(translated.own), before);
      session.translated = translated;
      session.snapshot = snapshot;
      if (snapshot.version === before.version) continue;
      this.#options.metrics.pushed(changedTypes(before, snapshot));
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
    const { dataPlane, vhds } = kindOf(connection);
    const translated = this.#options.translate(mesh, nodeOf(pod, { dataPlane, vhds }));
    const snapshot = makeSnapshot(listsOf(translated.shared), listsOf(translated.own));
    this.#sessions.set(connection.id, {
      connection,
      podKey,
      dataPlane,
      vhds,
      connectedAt: clock.now(),
      snapshot,
      translated,
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

/** What a client says of itself decides the form of what it is told, not what it may see. */
const kindOf = ({ node, protocol }: AdsConnection): Pick<ProxySession, 'dataPlane' | 'vhds'> => {
  const dataPlane = dataPlaneOf(node.metadata);
  // VHDS is for delta only: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
  return { dataPlane, vhds: node.metadata?.WEFT_VHDS === true && dataPlane === 'weft' && protocol === 'delta' };
};

const nodeOf = (pod: Pod, { dataPlane, vhds }: Pick<ProxySession, 'dataPlane' | 'vhds'>): ProxyNode => ({
  pod,
  dataPlane,
  vhds,
  bindAddress: pod.ip,
});

const listsOf = (set: ResourceSet): ResourceLists => ({
  [typeUrls.listener]: set.listeners,
  [typeUrls.routeConfiguration]: set.routes,
  [typeUrls.virtualHost]: set.virtualHosts,
  [typeUrls.cluster]: set.clusters,
  [typeUrls.clusterLoadAssignment]: set.endpoints,
});

/** `GENERATOR: grpc` is how Istio's proxyless clients say what they are. */
const dataPlaneOf = (metadata: AdsConnection['node']['metadata']): ProxyNode['dataPlane'] => {
  if (metadata?.GENERATOR === 'grpc') return 'grpc';
  return metadata?.WEFT_DATA_PLANE === 'weft' ? 'weft' : 'envoy';
};
