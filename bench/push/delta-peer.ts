// go-control-plane's delta server as a subject: built here where Go is, told so where it is not.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Certificates } from './certificates.ts';
import { Feed } from './feed.ts';
import { machineMs } from './proc.ts';
import type { Subject } from './processes.ts';
import { change, type ClientPod, objects, type Scene } from './scene.ts';

const SOURCE = join(import.meta.dirname, '../peers/delta-server');
const CACHE = join(import.meta.dirname, '../../.cache/bench');

/** The program's path; null, with the reason on standard error, where it cannot be built. */
export const buildDeltaPeer = (): string | null => {
  const program = join(CACHE, 'delta-server');
  mkdirSync(CACHE, { recursive: true });
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: SOURCE, encoding: 'utf8' });
  if (built.status === 0) return program;
  const reason = built.error ? 'Go is not installed' : built.stderr.trim().split('\n')[0];
  console.error(`  go-control-plane is left out: ${reason ?? 'go build failed'}`);
  return null;
};

export const startDeltaPeer = async (
  program: string,
  core: number,
  scene: Scene,
  pods: readonly ClientPod[],
  certificates: Certificates,
  vhds: boolean,
  dir: string,
): Promise<Subject> => {
  const [certFile, keyFile] = [join(dir, 'server.crt'), join(dir, 'server.key')];
  writeFileSync(certFile, certificates.server.chain);
  writeFileSync(keyFile, certificates.server.key, { mode: 0o600 });
  const child = spawn('taskset', ['-c', String(core), program, certFile, keyFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => String((await lines.next()).value);
  const port = Number(await nextLine());
  const order = async (line: string): Promise<void> => {
    child.stdin.write(`${line}\n`);
    if ((await nextLine()) !== 'done') throw new Error('go-control-plane ended');
  };
  const feed = new Feed(pods, vhds);
  const file = join(dir, 'scene.json');
  feed.write(file, objects(scene));
  await order(`load ${file}`);
  await order('go');
  return {
    name: 'go-control-plane',
    pid: child.pid as number,
    port,
    async prepare(kind, n) {
      feed.write(file, change(kind, n));
      await order(`load ${file}`);
    },
    async change() {
      const startedMs = machineMs();
      await order('go');
      return startedMs;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
};
