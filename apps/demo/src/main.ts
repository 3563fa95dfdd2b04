// npm run demo: the bookshop, until Ctrl-C. npm run demo -- --check: the same mesh, then a tour of real requests through
// it with a line per check; exit 0 or 1.
import { systemClock } from '@weft/base/clock';
import { packageManagerChain, watchProcesses } from '@weft/local/runtime/ancestors';
import { launcher, root, RunningMesh } from './running-mesh.ts';
import { Shop } from './shop.ts';
import { type Outcome, runTour, tour } from './tour/tour.ts';

const READY_TIMEOUT_MS = 60_000;

const line = ({ ok, name, detail }: Outcome, color: boolean): string => {
  const mark = ok ? 'pass' : 'FAIL';
  const shown = color ? `\x1b[${ok ? 32 : 31}m${mark}\x1b[0m` : mark;
  return `  ${shown}  ${name.padEnd(54)}  ${detail}`;
};

/** Ends the process, with the exit status. */
const check = async (): Promise<void> => {
  const color = process.stdout.isTTY;
  const mesh = new RunningMesh();
  let ended = false;
  const end = (code: number): void => {
    if (ended) return;
    ended = true;
    void mesh.stop().then(() => process.exit(code));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(1));
  watchProcesses(packageManagerChain(process.pid, process.env), systemClock, () => end(1));
  const died = mesh.ended.then(() => {
    throw new Error('weft up has ended');
  });
  let ok = false;
  try {
    ok = await Promise.race([died, runOn(mesh, color)]);
  } catch (error) {
    if (!ended) console.error(`${(error as Error).message}\n${mesh.lastLines(40)}`);
  }
  end(ok ? 0 : 1);
};

/** Waits for the mesh and shows it. Resolves to whether everything was as it should be. */
const runOn = async (mesh: RunningMesh, color: boolean): Promise<boolean> => {
  const readyMs = await mesh.ready(READY_TIMEOUT_MS);
  console.log(`\n  the bookshop is ready after ${(readyMs / 1000).toFixed(1)} s\n`);
  const run = mesh.runFile();
  if (!run) throw new Error('weft up has not said what it runs');
  const ok = await runTour(new Shop(run, mesh.manifests, () => mesh.runFile()), tour, (outcome) =>
    console.log(line(outcome, color)),
  );
  console.log(`\n  ${ok ? 'everything is as it should be' : 'not everything is as it should be'}\n`);
  return ok;
};

if (process.argv.includes('--check')) await check();
else {
  // This process becomes the launcher: one less between npm and the mesh.
  process.chdir(root);
  process.argv.splice(1, process.argv.length - 1, launcher, 'up', '-f', 'examples/bookshop', ...process.argv.slice(2));
  await import(launcher);
}
