// A mesh of one pod in a temporary folder, run by the real launcher, for tests of the command.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunFile } from '@weft/commands/up/run-file';
import { processInfo } from '@weft/local/runtime/process-id';

const launcher = join(import.meta.dirname, '../../bin/weft.js');

/** Answers 200; holds a grandchild that would outlive a careless end. */
const APP = `
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
spawn('sleep', ['1000'], { stdio: 'ignore' });
createServer((request, response) => response.end(process.env.GREETING)).listen(process.env.PORT, process.env.HOST);
`;

export const manifest = (greeting: string, replicas = 1, command = '[node, app.mjs]'): string => `
apiVersion: v1
kind: Service
metadata: { name: hello, namespace: default }
spec:
  selector: { app: hello }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello, namespace: default }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - name: hello
          command: ${command}
          env: [{ name: GREETING, value: ${greeting} }]
          ports: [{ containerPort: 8080 }]
`;

export class SmallMesh {
  readonly dir = mkdtempSync(join(tmpdir(), 'weft-test-'));
  readonly stateDir = join(this.dir, 'state');
  /** What `weft` is. */
  readonly launcher = launcher;
  output = '';
  process: ChildProcess | null = null;

  constructor(yaml = manifest('hello')) {
    this.write('app.yaml', yaml);
    this.write('app.mjs', APP);
    // As `npm run demo`: a shell between npm and the launcher, which passes no signal on.
    const up = `node ${launcher} up -f . --state-dir state`;
    this.write('package.json', JSON.stringify({ type: 'module', scripts: { up: `true && ${up} && true` } }));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.dir, name), text);
  }

  /** `detached`: as the leader of a process group, as a shell starts what one types. */
  start(command: string, args: readonly string[], { detached = false } = {}): ChildProcess {
    const child = spawn(command, args, { cwd: this.dir, detached, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.process = child;
    return child;
  }

  /** `weft up` through the launcher. */
  up(...args: string[]): ChildProcess {
    return this.start(process.execPath, [launcher, 'up', '-f', '.', '--state-dir', 'state', ...args]);
  }

  runFile(): RunFile | null {
    try {
      return JSON.parse(readFileSync(join(this.stateDir, 'run/up.json'), 'utf8')) as RunFile;
    } catch {
      return null;
    }
  }

  async ready(): Promise<RunFile> {
    await until(
      'ready',
      () => this.runFile()?.ready === true,
      () => this.output,
    );
    return this.runFile() as RunFile;
  }

  async close(): Promise<void> {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill('SIGTERM');
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const until = async (what: string, holds: () => boolean, explain: () => string): Promise<void> => {
  for (let i = 0; i < 600; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not ${what} after 30 s: ${explain()}`);
};

/** Everything of a mesh that runs: `weft up`, the control plane, sidecars, applications and what they started. */
export const processesOf = (run: RunFile): number[] => {
  const known = [run.pid, run.controlPlane.pid, ...run.pods.flatMap((p) => [p.pids.sidecar, ...p.pids.apps])];
  return known.flatMap((pid) => [pid, ...childrenOf(pid)]);
};

const childrenOf = (pid: number): number[] => {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

/** Listening TCP sockets at the addresses of a block, or at one of the ports on 127.0.0.1. */
export const listenersOf = (run: RunFile): string[] => {
  const [, x, y] = run.addressBlock.split('.').map(Number);
  const block = [127, x, y].map((n) => Number(n).toString(16).padStart(2, '0').toUpperCase());
  const ports = run.pods.flatMap((p) => Object.values(p.appPorts));
  const LISTEN = '0A';
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => {
      // The address is in the machine's byte order: 127.x.y.1 is 01YYXX7F.
      const [address = '', port = ''] = local.split(':');
      const inBlock = address.slice(2) === `${block[2]}${block[1]}${block[0]}`;
      return state === LISTEN && (inBlock || (address === '0100007F' && ports.includes(Number.parseInt(port, 16))));
    })
    .map(([, local = '']) => local);
};

/** Waits until nothing of a mesh is left: no process, no listening socket. */
export const gone = (run: RunFile, processes: readonly number[]): Promise<void> => {
  const left = (): number[] => processes.filter((pid) => processInfo(pid) !== undefined);
  return until(
    'gone',
    () => left().length === 0 && listenersOf(run).length === 0,
    () => `processes ${left().join(', ')}, listeners ${listenersOf(run).join(', ')}`,
  );
};
