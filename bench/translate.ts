// How long it takes from manifests to what proxies are told, for a large mesh and for one change in it. Each measurement
// runs in a process of its own: no peer, so a row of steps.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type MeasuredStep, type StepsRow, stepsRow } from './lib/steps.ts';

const SERVICES = 5000;

const run = (kind: 'objects' | 'file' | 'files'): readonly MeasuredStep[] => {
  const text = execFileSync(process.execPath, [join(import.meta.dirname, 'translate/one.ts'), kind, String(SERVICES)], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  const steps = JSON.parse(text) as readonly Pick<MeasuredStep, 'name' | 'cpuMs' | 'rssMb'>[];
  return steps.map((step) => ({ bytes: 0, lastClientMs: 0, ...step }));
};

const isChange = ({ name }: MeasuredStep): boolean => name.startsWith('one ');

/** 5,000 services of 10 pods, a fifth of them with a VirtualService and a DestinationRule: from objects and from YAML. */
export const translate = async (runs: number): Promise<StepsRow[]> => {
  const measured: MeasuredStep[] = [];
  for (let n = 0; n < runs; n++)
    for (const kind of ['objects', 'file', 'files'] as const)
      for (const step of run(kind))
        if (!isChange(step))
          measured.push({ ...step, name: kind === 'objects' ? step.name : `${step.name} (${kind})` });
  return [stepsRow('translate', measured)];
};

/** One change in that mesh, told to proxies of 20 namespaces of both kinds: reading it, checking it, translating it. */
export const translateChange = async (runs: number): Promise<StepsRow[]> => {
  const measured: MeasuredStep[] = [];
  for (let n = 0; n < runs; n++) measured.push(...run('objects').filter(isChange));
  return [stepsRow('translate-change', measured)];
};
