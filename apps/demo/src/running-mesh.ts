// Runs the bookshop for the tour: a temporary copy of the example (the tour changes it), a temporary state directory, the
// real `weft up` through the real launcher.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunFile } from '@weft/commands/up/run-file';

export const root = join(import.meta.dirname, '../../..');
export const launcher = join(root, 'apps/cli/bin/weft.js');

export interface MeshOptions {
  /** More for `weft up`, such as `--data-plane NAMESPACE/WORKLOAD=envoy`. */
  readonly args?: readonly string[];
  /** Of the manifests, which are copied; the bookshop's unless given. */
  readonly folder?: string;
}

export class RunningMesh {
  /** The copy of the example; what is written here is live in under a second. */
  readonly manifests: string;
  readonly logFile: string;
  readonly #dir: string;
  /** Resolves when `weft up` has ended, whoever ended it. */
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;

  constructor({ args = [], folder = join(root, 'examples/bookshop') }: MeshOptions = {}) {
    this.#dir = mkdtempSync(join(tmpdir(), 'weft-demo-'));
    this.manifests = join(this.#dir, 'bookshop');
    this.logFile = join(this.#dir, 'log');
    cpSync(folder, this.manifests, { recursive: true });
    // The services import @weft/kit, as they would from an image.
    symlinkSync(join(root, 'node_modules'), join(this.#dir, 'node_modules'));
    writeFileSync(join(this.#dir, 'package.json'), '{ "type": "module" }\n');
    const log = openSync(this.logFile, 'w', 0o600);
    const state = join(this.#dir, 'state');
    this.#process = spawn(
      process.execPath,
      [launcher, '--exit-on-stdin-close', 'up', '-f', this.manifests, '--state-dir', state, ...args],
      // It ends when we do, however we do: the pipe closes.
      { stdio: ['pipe', log, log] },
    );
    this.#process.stdin?.on('error', () => {});
    this.ended = once(this.#process, 'exit');
  }

  /** Resolves when every pod is ready, to how long that took in ms. */
  async ready(timeoutMs: number): Promise<number> {
    const started = performance.now();
    for (;;) {
      const waitedMs = performance.now() - started;
      if (this.#process.exitCode !== null) throw new Error(`weft up ended with ${this.#process.exitCode}`);
      if (this.runFile()?.ready) return waitedMs;
      if (waitedMs > timeoutMs) throw new Error(`not ready after ${timeoutMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Null until there is one. */
  runFile(): RunFile | null {
    try {
      return JSON.parse(readFileSync(join(this.#dir, 'state/run/up.json'), 'utf8')) as RunFile;
    } catch {
      return null;
    }
  }

  lastLines(count: number): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGTERM');
      await this.ended;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
