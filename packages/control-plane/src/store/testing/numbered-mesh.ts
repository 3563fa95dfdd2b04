import { systemClock, type Clock } from '@weft/base/clock';
import { LineLog } from '@weft/telemetry/log';
import type { ManifestText } from '@weft/model/load';
import { MeshStore } from '../mesh-store.ts';
import type { StateFiles } from '../state-files.ts';

/** Two files that each change makes say the same number: a state in which they differ never was. */
export const numbered = (n: number): ManifestText[] =>
  ['a', 'b'].map((name) => ({
    path: `${name}.yaml`,
    text: `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ports: [{ name: http, port: ${n} }] }\n`,
  }));

export const openStore = (
  path: string,
  options: { clock?: Clock; files?: StateFiles; said?: string[] } = {},
): MeshStore => {
  const { clock = systemClock, files, said = [] } = options;
  const log = new LineLog(clock, (line) => said.push(line));
  return new MeshStore({ path, trustDomain: 'cluster.local', clock, log, ...(files && { files }) });
};

/** The number that a run with broken files takes from the last; 0 if it knows of none. */
export const recalled = (path: string): number => {
  const store = openStore(path);
  try {
    const { mesh } = store.update(
      ['a.yaml', 'b.yaml'].map((p) => ({ path: p, text: '{ broken' })),
      [],
    ).load;
    const ports = ['a', 'b'].map((name) => mesh.services.get(`${name}.default.svc.cluster.local`)?.ports[0]?.port ?? 0);
    if (ports[0] !== ports[1]) throw new Error(`a mesh that never was: ${ports.join(' and ')}`);
    return ports[0] as number;
  } finally {
    store.close();
  }
};
