import type { ObjectRef } from '@weft/base/diagnostic';
import type { Mesh } from '@weft/model/mesh';
import type { TypeState } from '@weft/xds/server/ads-stream';
import type { ProxySession } from '../serving/proxy-sessions.ts';
import { nackOrigins } from './object-resources.ts';
import { shortType } from './push-metrics.ts';

/** One row of `/debug/syncz`. */
export interface SyncStatus {
  /** `POD.NAMESPACE` */
  readonly proxy: string;
  /** `NAMESPACE/WORKLOAD`; empty for a pod that is gone. */
  readonly workload: string;
  readonly connected: boolean;
  readonly dataPlane?: ProxySession['dataPlane'];
  readonly protocol?: string;
  readonly principal?: string;
  /** ISO 8601. */
  readonly connectedAt?: string;
  /** Whether the proxy has acknowledged all that it should have. */
  readonly synced: boolean;
  /** How long it has lacked something, in ms; 0 once it is in sync. */
  readonly lagMs: number;
  readonly snapshotVersion?: string;
  readonly syncedVersion?: string | null;
  /** By type (`cds`, …) that the proxy asked for. */
  readonly types: Readonly<Record<string, TypeStatus>>;
  /** Acknowledged responses by type. */
  readonly acks: Readonly<Record<string, number>>;
  /** Resources that it refused: it goes on with the last version that it accepted. */
  readonly nacks: readonly NackStatus[];
}

export interface TypeStatus {
  /**
   * Istio's words: `SYNCED` it has acknowledged all · `STALE` it has been sent something, or will be, and not yet
   * acknowledged it · `NOT SENT` there was nothing to send · `ERROR` it refused something
   */
  readonly status: 'SYNCED' | 'STALE' | 'NOT SENT' | 'ERROR';
  /** Of the snapshot at the last response that it acknowledged; empty before the first. */
  readonly ackedVersion: string;
  readonly sentVersion: string;
  /** ISO 8601; null before the first. */
  readonly sentAt: string | null;
  readonly ackedAt: string | null;
}

export interface NackStatus {
  readonly type: string;
  readonly resource: string;
  readonly version: string;
  readonly message: string;
  /** The objects that the resource was made of. */
  readonly origins: readonly ObjectRef[];
}

export interface StatusSources {
  readonly mesh: Mesh | null;
  readonly sessions: readonly ProxySession[];
  readonly states: (connectionId: number) => readonly TypeState[];
  /** Monotonic ms. */
  readonly now: number;
}

/** A row for each connected proxy and for each pod whose proxy is not. */
export const syncStatus = (sources: StatusSources): SyncStatus[] => {
  const { mesh, sessions } = sources;
  const connected = new Set(sessions.map((s) => s.podKey));
  const away = [...(mesh?.pods.values() ?? [])].filter(
    (p) => !connected.has(`${p.namespace}/${p.name}`) && p.annotations['sidecar.istio.io/inject'] !== 'false',
  );
  const rows = [
    ...sessions.map((session) => describeSession(session, sources)),
    ...away.map(
      (p): SyncStatus => ({
        proxy: `${p.name}.${p.namespace}`,
        workload: `${p.namespace}/${p.workload}`,
        connected: false,
        synced: false,
        lagMs: 0,
        types: {},
        acks: {},
        nacks: [],
      }),
    ),
  ];
  return rows.sort((a, b) => (a.proxy < b.proxy ? -1 : a.proxy > b.proxy ? 1 : 0));
};

/** `POD.NAMESPACE`, Istio's way to name a proxy. */
export const proxyName = ({ podKey }: ProxySession): string => {
  const [namespace, pod] = podKey.split('/') as [string, string];
  return `${pod}.${namespace}`;
};

const describeSession = (session: ProxySession, { mesh, states, now }: StatusSources): SyncStatus => {
  const pod = mesh?.pods.get(session.podKey);
  const caughtUp = session.syncedVersion === session.snapshot.version;
  const refused = new Set([...session.nacks.values()].map((n) => n.typeUrl));
  return {
    proxy: proxyName(session),
    workload: pod ? `${pod.namespace}/${pod.workload}` : '',
    connected: true,
    dataPlane: session.dataPlane,
    protocol: session.connection.protocol,
    principal: session.connection.peer.principal,
    connectedAt: new Date(session.connectedAt).toISOString(),
    synced: caughtUp && session.nacks.size === 0,
    lagMs: caughtUp ? 0 : Math.max(0, Math.round(now - session.pushedAt)),
    snapshotVersion: session.snapshot.version,
    syncedVersion: session.syncedVersion,
    types: Object.fromEntries(
      states(session.connection.id).map((s) => [shortType(s.typeUrl), describeType(s, refused.has(s.typeUrl))]),
    ),
    acks: Object.fromEntries([...session.acks].map(([typeUrl, count]) => [shortType(typeUrl), count])),
    nacks: [...session.nacks.values()].map((nack) => ({
      type: shortType(nack.typeUrl),
      resource: nack.resourceName,
      version: nack.version,
      message: nack.message,
      origins: nackOrigins(session, nack),
    })),
  };
};

const describeType = (state: TypeState, refused: boolean): TypeStatus => ({
  status: refused ? 'ERROR' : state.state !== 'acked' ? 'STALE' : state.sentAt === 0 ? 'NOT SENT' : 'SYNCED',
  ackedVersion: state.ackedVersion,
  sentVersion: state.sentVersion,
  sentAt: time(state.sentAt),
  ackedAt: time(state.ackedAt),
});

const time = (ms: number): string | null => (ms === 0 ? null : new Date(ms).toISOString());
