// What fails when processes end under load. Only processes that the run file names are signalled, each once.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunFile, RunFilePod } from '@weft/commands/up/run-file';
import type { Shop } from '../shop.ts';
import { countBy, expect, show, type TourCheck } from './check.ts';
import { type Answer, stream } from './live-change.ts';

const BACK_MS = 30_000;
/** Until a process has died, everybody has heard of it, and what it broke would have shown. */
const AFTER_MS = 1_500;
/**
 * Requests that a killed process has in hand, and those that reach it before everybody knows that it is gone: as a share
 * of what is asked for in some two seconds, 50 ms of them. Counted and shown; the design promises nothing here.
 */
const LOST_SHARE = 0.05;

interface Kill {
  readonly name: string;
  /** Default SIGKILL. */
  readonly signal?: NodeJS.Signals;
  /** What share of the requests may fail: 0 where the design promises it. */
  readonly mayFail: number;
  readonly pidOf: (run: RunFile) => number;
}

const killCheck = ({ name, signal = 'SIGKILL', mayFail, pidOf }: Kill): TourCheck => ({
  name,
  weftOnly: true,
  async run(shop) {
    const pid = pidOf(shop.runNow());
    expect(pid > 0, 'it does not run');
    const stop = stream(shop);
    await pause(300);
    process.kill(pid, signal);
    const backMs = await until(shop, (run) => {
      const now = pidOf(run);
      return run.ready && now > 0 && now !== pid;
    });
    return `${count(await stop(), mayFail)}; back after ${(backMs / 1000).toFixed(1)} s`;
  },
});

/** A replica less, then one more: told to the mesh, drained, ended by SIGTERM; each under load. */
const scaling: TourCheck = {
  name: 'a replica ends gracefully under load',
  weftOnly: true,
  async run(shop) {
    const file = join(shop.manifests, 'catalog.yaml');
    const original = readFileSync(file, 'utf8');
    const fewer = original.replace('replicas: 2', 'replicas: 1');
    expect(fewer !== original, 'catalog.yaml has other replicas than the tour knows');
    const replicas = (run: RunFile): number => run.pods.filter((p) => p.workload === 'catalog-v1').length;
    const stop = stream(shop);
    await pause(300);
    try {
      writeFileSync(file, fewer);
      await until(shop, (run) => replicas(run) === 1);
    } finally {
      writeFileSync(file, original);
    }
    await until(shop, (run) => replicas(run) === 2 && run.ready);
    return count(await stop(), 0);
  },
};

/** Resolves to how long it took. */
const until = async (shop: Shop, holds: (run: RunFile) => boolean): Promise<number> => {
  const started = performance.now();
  for (;;) {
    await pause(100);
    const waitedMs = performance.now() - started;
    if (waitedMs > AFTER_MS && holds(shop.runNow())) return waitedMs;
    expect(waitedMs < BACK_MS, `not so after ${BACK_MS / 1000} s`);
  }
};

const count = (answers: readonly Answer[], mayFail: number): string => {
  const failed = answers.filter((a) => a.status !== 200);
  const allowed = Math.floor(mayFail * answers.length);
  const what = `${failed.length} of ${answers.length} requests failed`;
  const how = show(countBy(failed, (a) => `${a.status} ${a.body.slice(0, 120)}`));
  expect(failed.length <= allowed, `${what}, allowed: ${allowed}; ${how}`);
  return what;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const replica = (run: RunFile): RunFilePod => {
  const pod = run.pods.find((p) => p.workload === 'catalog-v1');
  if (!pod) throw new Error('catalog-v1 has no replica');
  return pod;
};

export const chaos: readonly TourCheck[] = [
  killCheck({
    name: 'the control plane is killed under load',
    mayFail: 0,
    pidOf: (run) => run.controlPlane.pid,
  }),
  scaling,
  killCheck({
    name: 'a replica’s application is asked to end under load, and nobody was told before',
    signal: 'SIGTERM',
    mayFail: 0,
    pidOf: (run) => replica(run).pids.apps[0] ?? 0,
  }),
  killCheck({
    name: 'a replica’s application is killed under load',
    mayFail: LOST_SHARE,
    pidOf: (run) => replica(run).pids.apps[0] ?? 0,
  }),
  killCheck({
    name: 'a replica’s sidecar is killed under load',
    mayFail: LOST_SHARE,
    pidOf: (run) => replica(run).pids.sidecar,
  }),
];
