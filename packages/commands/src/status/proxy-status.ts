import type { SyncStatus, TypeStatus } from '@weft/control-plane/status/sync-status';
import { WeftError } from '@weft/base/errors';
import { readStatus, type StatusSource } from './control-plane-status.ts';
import { table } from './table.ts';

export interface ProxyStatusOptions extends StatusSource {
  /** `NAMESPACE/WORKLOAD`, `NAMESPACE/POD` or `POD.NAMESPACE`; all if not given. */
  readonly proxy?: string | undefined;
  readonly output: 'text' | 'json';
  readonly write: (text: string) => void;
}

/**
 * `weft proxy-status`: whether each proxy has what the control plane holds for it, in istioctl's words. Answers the exit
 * code: 1 if a proxy refuses something, or there is none of that name.
 */
export const proxyStatus = async (options: ProxyStatusOptions): Promise<number> => {
  const all = await readStatus<SyncStatus[]>(options, '/debug/syncz');
  const wanted = options.proxy;
  const rows = wanted === undefined ? all : all.filter((row) => isNamed(row, wanted));
  if (wanted !== undefined && rows.length === 0)
    throw new WeftError('noWorkload', `no proxy ${wanted}; ${namesOf(all)}`);
  options.write(options.output === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : asText(rows, wanted !== undefined));
  return rows.some((row) => row.nacks.length > 0) ? 1 : 0;
};

const isNamed = ({ proxy, workload }: SyncStatus, wanted: string): boolean => {
  const dot = proxy.lastIndexOf('.');
  return [workload, proxy, `${proxy.slice(dot + 1)}/${proxy.slice(0, dot)}`].includes(wanted);
};

const namesOf = (rows: readonly SyncStatus[]): string =>
  rows.length > 0
    ? `there are ${rows
        .slice(0, 10)
        .map((row) => row.proxy)
        .join(', ')}`
    : 'there are none';

const TYPES = ['cds', 'lds', 'eds', 'rds', 'vhds'] as const;

const asText = (rows: readonly SyncStatus[], inDetail: boolean): string => {
  const head = ['NAME', 'DATA PLANE', ...TYPES.map((type) => type.toUpperCase()), 'LAG'];
  const lines = rows.map((row) =>
    row.connected
      ? [row.proxy, row.dataPlane ?? '', ...TYPES.map((type) => row.types[type]?.status ?? 'NOT SENT'), lag(row.lagMs)]
      : [row.proxy, 'not connected'],
  );
  const notes = rows.flatMap((row) => [...refusals(row), ...(inDetail ? details(row) : [])]);
  return table(head, lines) + (notes.length > 0 ? `\n${notes.join('\n')}\n` : '');
};

const lag = (ms: number): string => (ms === 0 ? '-' : ms < 1000 ? `${ms}ms` : `${(ms / 1000).toFixed(1)}s`);

const refusals = ({ proxy, nacks }: SyncStatus): string[] =>
  nacks.map(({ type, resource, message, origins }) => {
    const made = origins.map((o) => `${o.kind} ${o.namespace}/${o.name}`).join(', ');
    return `${proxy} refuses ${type.toUpperCase()} ${resource}${made && ` (of ${made})`}: ${message}`;
  });

const details = (row: SyncStatus): string[] =>
  row.connected
    ? [
        `${row.proxy}: ${row.principal} by ${row.protocol} since ${row.connectedAt}; snapshot ${row.snapshotVersion}, in sync with ${row.syncedVersion ?? 'none'}`,
        ...Object.entries(row.types).map(([type, status]) => `  ${type.toUpperCase()}: ${describeType(status)}`),
      ]
    : [`${row.proxy}: not connected`];

const describeType = ({ status, sentVersion, sentAt, ackedVersion, ackedAt }: TypeStatus): string =>
  sentAt === null
    ? status
    : `${status}, sent ${sentVersion} at ${sentAt}, acknowledged ${ackedAt === null ? 'nothing' : `${ackedVersion} at ${ackedAt}`}`;
