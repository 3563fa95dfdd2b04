// What a push costs the control plane, and what go-control-plane's delta server needs for the same resources.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StepsRow, stepsRow, withRatios } from './lib/steps.ts';
import { makeCertificates } from './push/certificates.ts';
import { buildDeltaPeer, startDeltaPeer } from './push/delta-peer.ts';
import { Clients, SERVER_CORE, type Step, startWeft, type Subject } from './push/processes.ts';
import { type ChangeKind, clientPods, type Scene } from './push/scene.ts';

interface Kind {
  /** Virtual hosts as resources, or a table. */
  readonly vhds: boolean;
  readonly reconnect: boolean;
  /** go-control-plane beside it. */
  readonly peer: boolean;
}

const CHANGES: readonly ChangeKind[] = ['endpoint', 'weight', 'service'];

/** One run of all steps, on a server that has computed nothing yet. */
const run = async (subject: Subject, clients: Clients, { vhds, reconnect }: Kind): Promise<Step[]> => {
  const steps: Step[] = [];
  const first = await clients.connect(subject, 'first sync', vhds, true);
  console.error(`  ${subject.name}: held by all clients ${JSON.stringify(first.seen.held)}`);
  steps.push(first.step);
  for (const kind of CHANGES) for (let n = 0; n < 3; n++) steps.push((await clients.change(subject, kind, n)).step);
  if (!reconnect) return steps;
  if (subject.name === 'weft') steps.push((await clients.churn(subject, 100, 5)).step);
  await clients.disconnect(subject);
  steps.push((await clients.connect(subject, 'reconnect', vhds, true)).step);
  await clients.disconnect(subject);
  steps.push((await clients.connect(subject, 'reconnect, up to date', vhds, false)).step);
  await clients.disconnect(subject);
  return steps;
};

/** Ours and the peer's in turn; of each step the least CPU of all rounds counts. */
const pushRows = async (name: string, scene: Scene, rounds: number, kind: Kind): Promise<StepsRow[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-push-'));
  const pods = clientPods(scene);
  const certificates = makeCertificates(pods);
  const { vhds } = kind;
  const program = kind.peer ? buildDeltaPeer() : null;
  const measured = new Map<string, Step[]>();
  const measure = async (start: () => Promise<Subject>): Promise<void> => {
    const subject = await start();
    const clients = await Clients.start(pods, certificates, dir);
    try {
      measured.set(subject.name, [...(measured.get(subject.name) ?? []), ...(await run(subject, clients, kind))]);
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

const SIDECARS: Kind = { vhds: true, reconnect: true, peer: true };

export const push = async (rounds = 3): Promise<StepsRow[]> => {
  const scene = { services: 1000, clients: 100 };
  return [
    ...(await pushRows('push, 100 clients with VHDS', scene, rounds, SIDECARS)),
    ...(await pushRows('push, 100 clients with tables (RDS)', scene, rounds, { ...SIDECARS, vhds: false })),
  ];
};

export const push1000 = (): Promise<StepsRow[]> =>
  pushRows('push-1000, 1,000 clients with VHDS, 5,000 services', { services: 5000, clients: 1000 }, 1, {
    vhds: true,
    reconnect: false,
    peer: false,
  });
