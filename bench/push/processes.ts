// The two ends of `push`, each pinned to a core: a server that is told what changes, and the clients.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { controlPlaneEnvironment, controlPlaneNodeFlags } from '@weft/control-plane/process-settings';
import type { ObjectEvent } from '@weft/model/load';
import type { Certificates } from './certificates.ts';
import type { Seen } from './clients.ts';
import { cpuMs, machineMs, rssMb } from './proc.ts';
import { type ChangeKind, change, type ClientPod, objects, type Scene } from './scene.ts';

export const SERVER_CORE = 0;
const CLIENT_CORE = 1;

const start = (core: number, file: string, args: string[], flags: readonly string[] = [], env = {}): ChildProcess =>
  fork(file, args, {
    execPath: '/usr/bin/taskset',
    execArgv: ['-c', String(core), process.execPath, ...flags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  });

/** The program as JavaScript in one file, as what ships is. */
const bundle = async (file: string, dir: string): Promise<string> => {
  const outfile = join(dir, file.replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [join(import.meta.dirname, file)],
    outfile,
    bundle: true,
    minifySyntax: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
};

const answer = async <T>(child: ChildProcess, order: object): Promise<T> => {
  const answered = once(child, 'message');
  child.send(order);
  return ((await answered) as [T])[0];
};

/** Something that serves xDS and can be told to change what it serves. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Told of a change that is to come; what this costs is not measured. */
  prepare(kind: ChangeKind, n: number): Promise<void>;
  /** Answers when it began, in machine ms. */
  change(kind: ChangeKind, n: number): Promise<number>;
  stop(): Promise<void>;
}

export const startWeft = async (scene: Scene, certificates: Certificates, dir: string): Promise<Subject> => {
  const file = join(dir, 'certificates.json');
  writeFileSync(file, JSON.stringify(certificates));
  const flags = [...controlPlaneNodeFlags, ...(process.env['WEFT_BENCH_NODE']?.split(' ') ?? [])];
  const child = start(SERVER_CORE, await bundle('server.ts', dir), [file], flags, controlPlaneEnvironment);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const apply = async (events: ObjectEvent[]): Promise<number> =>
    (await answer<{ startedMs: number }>(child, { kind: 'change', events })).startedMs;
  await apply(objects(scene));
  return {
    name: 'weft',
    pid: child.pid as number,
    port,
    prepare: () => Promise.resolve(),
    change: (kind, n) => apply(change(kind, n)),
    async stop() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
};

/** Nothing has come for so long: all is said. */
const QUIET_MS = 400;
const LOOK_MS = 50;
/** CPU of both ends between two looks that shows that something is still to come. */
const BUSY_MS = 4;

export interface Step {
  readonly name: string;
  readonly cpuMs: number;
  readonly bytes: number;
  /** From the change, or from connecting, to the last message. */
  readonly lastClientMs: number;
  readonly clientsTold: number;
  readonly rssMb: number;
}

export class Clients {
  readonly #child: ChildProcess;
  readonly #count: number;

  private constructor(child: ChildProcess, count: number) {
    this.#child = child;
    this.#count = count;
  }

  static async start(pods: readonly ClientPod[], certificates: Certificates, dir: string): Promise<Clients> {
    const file = join(dir, 'clients.json');
    writeFileSync(file, JSON.stringify({ pods, certificates }));
    const child = start(CLIENT_CORE, join(import.meta.dirname, 'clients.ts'), [file]);
    await once(child, 'message');
    return new Clients(child, pods.length);
  }

  /** All connect at once; with what they hold already, unless they forget it first. */
  async connect(subject: Subject, name: string, vhds: boolean, forget: boolean): Promise<{ step: Step; seen: Seen }> {
    if (forget) this.#child.send({ kind: 'forget' });
    return this.#measure(subject, name, true, () => {
      const startedMs = machineMs();
      this.#child.send({ kind: 'connect', port: subject.port, vhds });
      return Promise.resolve(startedMs);
    });
  }

  async disconnect(subject: Subject): Promise<void> {
    this.#child.send({ kind: 'disconnect' });
    await this.#quiet(subject, QUIET_MS);
    await this.#report();
  }

  async change(subject: Subject, kind: ChangeKind, n: number): Promise<{ step: Step; seen: Seen }> {
    await subject.prepare(kind, n);
    return this.#measure(subject, kind, false, () => subject.change(kind, n));
  }

  /** Endpoints that go and come at a fixed rate; answers the CPU of a second. */
  async churn(subject: Subject, perSecond: number, seconds: number): Promise<{ step: Step; seen: Seen }> {
    const result = await this.#measure(subject, `churn, ${perSecond} endpoints/s`, false, async () => {
      const startedMs = machineMs();
      for (let n = 0; n < perSecond * seconds; n++) {
        await subject.change('churn', n);
        const earlyMs = startedMs + ((n + 1) * 1000) / perSecond - machineMs();
        if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
      }
      return startedMs;
    });
    const { step } = result;
    const perSecondOf = (total: number): number => total / seconds;
    return {
      ...result,
      step: {
        ...step,
        cpuMs: perSecondOf(step.cpuMs),
        bytes: perSecondOf(step.bytes),
        lastClientMs: step.lastClientMs - seconds * 1000,
      },
    };
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  async #measure(
    subject: Subject,
    name: string,
    all: boolean,
    act: () => Promise<number>,
  ): Promise<{ step: Step; seen: Seen }> {
    const before = cpuMs(subject.pid);
    const startedMs = await act();
    await this.#quiet(subject, all ? 2000 : QUIET_MS, all ? this.#count : 0);
    const cpu = cpuMs(subject.pid) - before;
    const seen = await this.#report();
    if (seen.failures.length > 0) throw new Error(`${name}: ${seen.failures.slice(0, 3).join('; ')}`);
    if (seen.connected !== this.#count) throw new Error(`${name}: ${seen.connected} of ${this.#count} are connected`);
    const { bytes, told: clientsTold } = seen;
    const lastClientMs = seen.lastMs - startedMs;
    return { step: { name, cpuMs: cpu, bytes, lastClientMs, clientsTold, rssMb: rssMb(subject.pid) }, seen };
  }

  /** Once so many are connected, nothing comes, and neither end is at work on something that is still to come. */
  async #quiet(subject: Subject, quietMs: number, atLeast = 0): Promise<void> {
    const deadline = machineMs() + 600_000;
    const spentMs = (): number => cpuMs(subject.pid) + cpuMs(this.#child.pid as number);
    let [count, since, spent] = [-1, machineMs(), spentMs()];
    while (machineMs() - since < quietMs) {
      const order = { kind: 'last' };
      const { messages, connected } = await answer<{ messages: number; connected: number }>(this.#child, order);
      const now = spentMs();
      if (messages !== count || connected < atLeast || now - spent > BUSY_MS) [count, since] = [messages, machineMs()];
      spent = now;
      if (machineMs() > deadline) throw new Error('it is never quiet');
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #report(): Promise<Seen> {
    return answer<Seen>(this.#child, { kind: 'report' });
  }
}
