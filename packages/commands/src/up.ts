import { dirname, resolve } from 'node:path';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { Scope } from '@weft/base/scope';
import type { DataPlane } from '@weft/local/plan/replica-plan';
import { checkTarget } from '@weft/local/probe/check';
import { nodeSpawner } from '@weft/local/process/node-spawner';
import { acquireLoopbackBlock } from '@weft/local/runtime/loopback-block';
import { StateDir } from '@weft/local/runtime/state-dir';
import { Supervisor } from '@weft/local/runtime/supervisor';
import type { Colors } from './up/colors.ts';
import { Manifests, type Wanted } from './up/manifests.ts';
import { ownPrograms } from './up/programs.ts';
import { Reporter } from './up/reporter.ts';
import { runFile } from './up/run-file.ts';
import { Screen, type Terminal } from './up/screen.ts';
import { listenForStop, type StopSignals } from './up/stop-signals.ts';
import { watchTraffic } from './up/watch-traffic.ts';

export interface UpOptions {
  /** Files and folders with manifests. */
  readonly paths: readonly string[];
  readonly stateDir: string;
  /** `127.x.y.0/24`; without it a free one is found. */
  readonly addressBlock?: string | undefined;
  /** By `namespace/workload`. */
  readonly dataPlanes: ReadonlyMap<string, DataPlane>;
  /** The Envoy for workloads that have it as their data plane. */
  readonly envoy?: string | undefined;
  /** End as soon as everything is ready (0), or is not in time (1). */
  readonly check: boolean;
  /** Show all that the control plane and the sidecars say, not only what is wrong. */
  readonly verbose: boolean;
  readonly trustDomain: string;
  /** Of the `weft` program, to start its other parts. */
  readonly entry: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly colors: Colors;
  readonly out: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const CHECK_TIMEOUT_MS = 60_000;
const SLOW_START_MS = 15_000;

/**
 * `weft up`: runs the mesh of the manifests on this machine until it is asked to end, and follows the manifests as they
 * change. Answers the exit code. Throws WeftError where it cannot start.
 */
export const up = async (options: UpOptions): Promise<number> => {
  const stop = listenForStop(options.clock);
  const scope = new Scope();
  scope.add(() => stop.dispose());
  try {
    return await run(options, stop, scope);
  } finally {
    await scope.close();
  }
};

const run = async (options: UpOptions, stop: StopSignals, scope: Scope): Promise<number> => {
  const { clock, random, colors } = options;
  const startedAt = clock.monotonic();
  const stateDir = StateDir.open(resolve(options.stateDir));
  scope.add(() => stateDir.close());
  const addresses = await acquireLoopbackBlock({ requested: options.addressBlock, random });
  scope.add(() => addresses.close());

  const screen = new Screen(options.out);
  const reporter = new Reporter(screen, colors, options.verbose);
  const manifests = new Manifests({ ...options, stateDir: stateDir.path, onChange: (wanted) => follow(wanted) });
  scope.add(() => manifests.close());
  const first = manifests.start();
  reporter.diagnostics(first.diagnostics);
  refuseNothing(first, options);

  const writeRunFile = (): void => {
    stateDir.write('up.json', JSON.stringify(runFile(supervisor, addresses.name, addresses.controlPlane), null, 1));
  };
  const supervisor: Supervisor = new Supervisor(first.mesh, {
    clock,
    random,
    spawner: nodeSpawner,
    programs: ownPrograms({ ...options, stateDir: stateDir.path }),
    stateDir,
    addresses,
    inheritedEnv: options.env,
    nodeDirectory: dirname(process.execPath),
    checkFor: checkTarget,
    onLine: (process, line) => reporter.line(process, line),
    onChange(change) {
      if (!stop.graceful.aborted) reporter.change(change);
      writeRunFile();
      reporter.progress(supervisor);
      if (supervisor.ready) allReady.resolve();
    },
  });
  const allReady = Promise.withResolvers<void>();
  const follow = (wanted: Wanted): void => {
    reporter.diagnostics(wanted.diagnostics);
    supervisor.update(wanted.mesh, wanted.plan.replicas).catch((error: unknown) => reporter.problem(error));
  };

  const stopped = aborted(stop.graceful);
  reporter.starting(first.plan, addresses.name);
  await supervisor.start(first.plan.replicas);
  const slow = clock.setTimer(SLOW_START_MS, () => reporter.notReady(supervisor));
  const tooLate = new Promise<void>((done) => {
    if (options.check) scope.add(clock.setTimer(CHECK_TIMEOUT_MS, done).cancel);
  });
  const becameReady = await firstOf(allReady.promise, stopped, tooLate);
  slow.cancel();
  let code = 0;
  if (becameReady) {
    reporter.ready(supervisor, addresses, stateDir.path, clock.monotonic() - startedAt);
    if (!options.check) {
      const stopWatching = watchTraffic({ supervisor, screen, colors, clock });
      await stopped;
      stopWatching();
    }
  } else if (!stop.graceful.aborted) {
    reporter.notReady(supervisor);
    code = 1;
  }
  await end(supervisor, stop, reporter);
  return code;
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** True if the first of them came first. */
const firstOf = (first: Promise<void>, ...others: Promise<void>[]): Promise<boolean> =>
  Promise.race([first.then(() => true), ...others.map((other) => other.then(() => false))]);

const end = async (supervisor: Supervisor, stop: StopSignals, reporter: Reporter): Promise<void> => {
  reporter.ending();
  stop.forced.addEventListener('abort', () => void supervisor.stop(true), { once: true });
  await supervisor.stop();
  reporter.ended();
};

const refuseNothing = ({ plan, mesh }: Wanted, options: UpOptions): void => {
  if (plan.diagnostics.some((d) => d.level === 'error'))
    throw new WeftError('noWorkload', '--data-plane names a workload that the manifests do not have');
  if (plan.replicas.size > 0) return;
  const where = options.paths.join(', ');
  throw new WeftError(
    mesh.workloads.size > 0 ? 'noCommand' : 'noWorkload',
    mesh.workloads.size > 0
      ? `none of the ${mesh.workloads.size} workloads in ${where} says a command that can be run here`
      : `${where} holds no Deployment and no Pod; name the folder of your manifests with -f`,
  );
};
