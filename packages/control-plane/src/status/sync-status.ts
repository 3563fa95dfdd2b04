import type { Mesh } from '@weft/model/mesh';
import type { ProxySession } from '../serving/proxy-sessions.ts';
import { shortType } from './push-metrics.ts';

/** One row of `/debug/syncz`. */
export interface SyncStatus {
  /** `POD.NAMESPACE` */
  readonly proxy: string;
  readonly connected: boolean;
  readonly dataPlane?: ProxySession['dataPlane'];
  readonly protocol?: string;
  readonly principal?: string;
  /** ISO 8601. */
  readonly connectedAt?: string;
  /** Whether the proxy has acknowledged all that it should have. */
  readonly synced: boolean;
  readonly snapshotVersion?: string;
  readonly syncedVersion?: string | null;
  /** Acknowledged responses by type (`cds`, …). */
  readonly acks: Readonly<Record<string, number>>;
  readonly nacks: readonly {
    readonly type: string;
    readonly resource: string;
    readonly version: string;
    readonly message: string;
  }[];
}

/** A row for each connected proxy and for each pod whose proxy is not. */
export const syncStatus = (mesh: Mesh | null, sessions: readonly ProxySession[]): SyncStatus[] => {
  const connected = new Set(sessions.map((s) => s.podKey));
  const away = [...(mesh?.pods.values() ?? [])].filter(
    (p) => !connected.has(`${p.namespace}/${p.name}`) && p.annotations['sidecar.istio.io/inject'] !== 'false',
  );
  const rows = [
    ...sessions.map(describeSession),
    ...away.map(
      (p): SyncStatus => ({ proxy: `${p.name}.${p.namespace}`, connected: false, synced: false, acks: {}, nacks: [] }),
    ),
  ];
  return rows.sort((a, b) => (a.proxy < b.proxy ? -1 : a.proxy > b.proxy ? 1 : 0));
};

const describeSession = (session: ProxySession): SyncStatus => {
  const [namespace, pod] = session.podKey.split('/') as [string, string];
  return {
    proxy: `${pod}.${namespace}`,
    connected: true,
    dataPlane: session.dataPlane,
    protocol: session.connection.protocol,
    principal: session.connection.peer.principal,
    connectedAt: new Date(session.connectedAt).toISOString(),
    synced: session.syncedVersion === session.snapshot.version && session.nacks.size === 0,
    snapshotVersion: session.snapshot.version,
    syncedVersion: session.syncedVersion,
    acks: Object.fromEntries([...session.acks].map(([typeUrl, count]) => [shortType(typeUrl), count])),
    nacks: [...session.nacks.values()].map((n) => ({
      type: shortType(n.typeUrl),
      resource: n.resourceName,
      version: n.version,
      message: n.message,
    })),
  };
};
