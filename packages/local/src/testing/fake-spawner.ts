import type { Child, ExitStatus, ProcessEvents, ProcessSpec, Spawner } from '../process/spawner.ts';

/** Processes that live in memory: a test decides when they end. */
export class FakeSpawner implements Spawner {
  readonly all: FakeProcess[] = [];
  #nextPid = 100;

  spawn(spec: ProcessSpec, events: ProcessEvents): Child {
    const child = new FakeProcess(this.#nextPid++, spec, events);
    this.all.push(child);
    return child;
  }

  /** The ones that run, by name. */
  get running(): string[] {
    return this.all.filter((p) => p.alive).map((p) => p.spec.name);
  }

  /** The latest process of that name. */
  find(name: string): FakeProcess {
    const found = this.all.findLast((p) => p.spec.name === name);
    if (!found)
      throw new Error(`no process ${name} was started; there are ${this.all.map((p) => p.spec.name).join(', ')}`);
    return found;
  }
}

export class FakeProcess implements Child {
  readonly pid: number;
  readonly spec: ProcessSpec;
  readonly signals: string[] = [];
  alive = true;
  /** Whether SIGTERM ends it. */
  obedient = true;
  readonly #events: ProcessEvents;

  constructor(pid: number, spec: ProcessSpec, events: ProcessEvents) {
    this.pid = pid;
    this.spec = spec;
    this.#events = events;
  }

  terminate(): void {
    this.signals.push('SIGTERM');
    if (this.obedient) setImmediate(() => this.exit({ kind: 'code', code: 0 }));
  }

  kill(): void {
    this.signals.push('SIGKILL');
    setImmediate(() => this.exit({ kind: 'signal', signal: 'SIGKILL' }));
  }

  exit(status: ExitStatus): void {
    if (!this.alive) return;
    this.alive = false;
    this.#events.onExit(status);
  }

  print(line: string): void {
    this.#events.onLine(line);
  }
}
