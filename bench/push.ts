// What a push costs the control plane, and what go-control-plane's delta server needs for the same resources.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StepsRow, stepsRow, withRatios } from './lib/steps.ts';
import { makeCertificates } from './push/certificates.ts';
import { buildDeltaPeer, startDeltaPeer } from './push/delta-peer.ts';
import { Clients, SERVER_CORE, type Step, startWeft, type Subject } from './push/processes.ts';
import { type ChangeKind, clientPods, type Scene } from './push/scene.ts';

const CHANGES: readonly ChangeKind[] = ['endpoint', 'weight', 'service'];

/** One run of all steps, on a server that has computed nothing yet. */
const run = async (subject: Subject, clients: Clients, vhds: boolean): Promise<Step[]> => {
  const steps: Step[] = [];
  const first = await clients.connect(subject, 'first sync', vhds, true);
  console.error(`  ${subject.name}: held by all clients ${JSON.stringify(first.seen.held)}`);
  steps.push(first.step);
  for (const kind of CHANGES) for (let n = 0; n < 3; n++) steps.push((await clients.change(subject, kind, n)).step);
  await clients.disconnect();
  steps.push((await clients.connect(subject, 'reconnect', vhds, true)).step);
  await clients.disconnect();
  steps.push((await clients.connect(subject, 'reconnect, up to date', vhds, false)).step);
  await clients.disconnect();
  return steps;
};

/** Ours and the peer's in turn; of each step the least CPU of all rounds counts. */
const pushRows = async (
  name: string,
  scene: Scene,
  vhds: boolean,
  rounds: number,
  peer: boolean,
): Promise<StepsRow[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-push-'));
  const pods = clientPods(scene);
  const certificates = makeCertificates(pods);
  const program = peer ? buildDeltaPeer() : null;
  const measured = new Map<string, Step[]>();
  const measure = async (start: () => Promise<Subject>): Promise<void> => {
    const subject = await start();
    const clients = await Clients.start(pods, certificates, dir);
    try {
      measured.set(subject.name, [...(measured.get(subject.name) ?? []), ...(await run(subject, clients, vhds))]);
    } finally {
      await clients.stop();
      await subject.stop();
    }
  };
  try {
    for (let round = 0; round < rounds; round++) {
      await measure(() => startWeft(scene, certificates, dir));
      if (program) await measure(() => startDeltaPeer(program, SERVER_CORE, scene, pods, certificates, vhds, dir));
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const rows = [...measured].map(([subject, steps]) =>
    stepsRow(subject === 'weft' ? name : `${name}: ${subject}`, steps),
  );
  const [ours, theirs] = rows;
  return ours && theirs ? [withRatios(ours, theirs), theirs] : rows;
};

export const push = async (rounds = 3): Promise<StepsRow[]> => [
  ...(await pushRows('push, 100 clients with VHDS', { services: 1000, clients: 100 }, true, rounds, true)),
  ...(await pushRows('push, 100 clients with tables (RDS)', { services: 1000, clients: 100 }, false, rounds, true)),
];

export const push1000 = (): Promise<StepsRow[]> =>
  pushRows('push-1000, 1,000 clients with VHDS, 5,000 services', { services: 5000, clients: 1000 }, true, 1, false);
