import { formatDiagnostic } from '@weft/base/diagnostic';
import { WeftError } from '@weft/base/errors';
import type { ObjectDetail, ObjectStatus } from '@weft/control-plane/status/object-status';
import { readStatus, type StatusSource } from './control-plane-status.ts';
import { table } from './table.ts';

export interface ObjectStatusOptions extends StatusSource {
  /** Only objects of this kind. */
  readonly kind?: string | undefined;
  /** `NAMESPACE/NAME` of one of them; `NAME` for one without a namespace. */
  readonly name?: string | undefined;
  readonly output: 'text' | 'json';
  readonly write: (text: string) => void;
}

/**
 * `weft status`: what became of each object, or of one, and at which proxies it has arrived. Answers the exit code: 1 if one
 * of them is not in force as written, has errors, or is refused by a proxy.
 */
export const objectStatus = async (options: ObjectStatusOptions): Promise<number> => {
  const { kind, name, output, write } = options;
  const all = await readStatus<ObjectStatus[]>(options, '/debug/status');
  const ofKind = kind === undefined ? all : all.filter((row) => row.kind.toLowerCase() === kind.toLowerCase());
  const rows = name === undefined ? ofKind : ofKind.filter((row) => qualified(row) === name);
  const [found] = rows;
  if (name !== undefined) {
    if (!found) throw new WeftError('noObject', `no ${kind} ${name}; ${namesOf(ofKind, kind ?? '')}`);
    const query = new URLSearchParams({ kind: found.kind, namespace: found.namespace, name: found.name });
    const detail = await readStatus<ObjectDetail>(options, `/debug/status?${query.toString()}`);
    write(output === 'json' ? `${JSON.stringify(detail, null, 2)}\n` : describe(detail));
  } else write(output === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : list(rows));
  return rows.some((row) => row.state !== 'valid' || row.diagnostics.some((d) => d.level === 'error')) ? 1 : 0;
};

const qualified = ({ namespace, name }: ObjectStatus): string => (namespace ? `${namespace}/${name}` : name);

const namesOf = (rows: readonly ObjectStatus[], kind: string): string =>
  rows.length > 0 ? `there are ${rows.slice(0, 10).map(qualified).join(', ')}` : `there is no ${kind}`;

const list = (rows: readonly ObjectStatus[]): string =>
  table(
    ['KIND', 'NAME', 'STATE', 'VERSION', 'PROXIES', 'MESSAGE'],
    rows.map((row) => [
      row.kind,
      qualified(row),
      row.state,
      row.version || '-',
      row.proxies.concerned > 0 ? `${row.proxies.acknowledged}/${row.proxies.concerned}` : '-',
      row.diagnostics.find((d) => d.level !== 'info')?.message ?? '',
    ]),
  );

const describe = (row: ObjectDetail): string => {
  const { concerned, acknowledged } = row.proxies;
  const lines = [
    `${row.kind} ${qualified(row)}: ${row.state}${row.version && `, version ${row.version}`}`,
    ...row.diagnostics.map(formatDiagnostic),
    concerned > 0 ? `acknowledged by ${acknowledged} of ${concerned} proxies:` : 'concerns no proxy that is connected',
    ...row.atProxies.flatMap(({ proxy, acknowledged: has, resources }) => [
      `  ${proxy}: ${has ? 'acknowledged' : 'not yet acknowledged'}`,
      ...resources
        .filter((r) => r.refusal !== '' || r.version !== r.ackedVersion)
        .map(
          (r) =>
            `    ${r.type.toUpperCase()} ${r.name}: ${r.version ?? 'withdrawn'}, it has ${r.ackedVersion ?? 'none'}${r.refusal && `; refused: ${r.refusal}`}`,
        ),
    ]),
  ];
  return `${lines.join('\n')}\n`;
};
