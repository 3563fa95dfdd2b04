// What a push costs the control plane, and what go-control-plane's delta server needs for the same resources.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StepsRow, stepsRow } from './lib/steps.ts';
import { makeCertificates } from './push/certificates.ts';
import { Clients, type Step, startWeft } from './push/processes.ts';
import { type ChangeKind, clientPods, type Scene } from './push/scene.ts';

const CHANGES: readonly ChangeKind[] = ['endpoint', 'weight', 'service'];

/** Bounds by CPU: the best of `rounds`, each with a server that has computed nothing yet. */
const pushRow = async (name: string, scene: Scene, vhds: boolean, rounds: number): Promise<StepsRow> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-push-'));
  try {
    const pods = clientPods(scene);
    const certificates = makeCertificates(pods);
    const steps: Step[][] = [];
    for (let round = 0; round < rounds; round++) {
      const server = await startWeft(scene, certificates, dir);
      const clients = await Clients.start(pods, certificates, dir);
      try {
        const measured: Step[] = [];
        const first = await clients.connect(server, 'first sync', vhds, true);
        measured.push(first.step);
        if (round === 0) console.error(`  ${name}: held ${JSON.stringify(first.seen.held)}`);
        for (const kind of CHANGES)
          for (let n = 0; n < 3; n++) measured.push((await clients.change(server, kind, n)).step);
        await clients.disconnect();
        measured.push((await clients.connect(server, 'reconnect', vhds, true)).step);
        await clients.disconnect();
        measured.push((await clients.connect(server, 'reconnect, up to date', vhds, false)).step);
        steps.push(measured);
      } finally {
        await clients.stop();
        await server.stop();
      }
    }
    return stepsRow(name, steps.flat());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

export const push = async (rounds = 3): Promise<StepsRow[]> => [
  await pushRow('push, 100 clients with VHDS', { services: 1000, clients: 100 }, true, rounds),
  await pushRow('push, 100 clients with tables (RDS)', { services: 1000, clients: 100 }, false, rounds),
];

export const push1000 = async (): Promise<StepsRow[]> => [
  await pushRow('push-1000, VHDS', { services: 5000, clients: 1000 }, true, 1),
];
