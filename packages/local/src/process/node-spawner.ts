import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { LineSplitter } from './line-splitter.ts';
import type { Child, ProcessEvents, ProcessSpec, Spawner } from './spawner.ts';

/**
 * Run by `sh`, which then becomes the program: its pid, its status and its signals are the program's own. Before that
 * it leaves a watcher behind, in the same process group and no child of the program's, that reads a pipe from us. The
 * pipe ends when we close it or die, however we die; then the watcher kills the group and thereby itself.
 */
const WATCHDOG = [
  "( ( trap '' TERM INT HUP; read _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & )",
  'exec 3<&-',
  'exec "$@"',
].join('\n');

/** Starts real processes. Each leads a group (and session) of its own, so that Ctrl-C in a terminal reaches us alone. */
export const nodeSpawner: Spawner = {
  spawn(spec, events) {
    return spec.lifeline === 'group' ? spawnWatched(spec, events) : spawnOurs(spec, events);
  },
};

const spawnWatched = (spec: ProcessSpec, events: ProcessEvents): Child => {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', spec.file, ...spec.args], {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const lifeline = child.stdio[3] as Readable;
  // Written to by nobody; an error here is the watcher having gone first.
  lifeline.on('error', () => {});
  child.once('exit', () => lifeline.destroy());
  return supervised(child, events);
};

const spawnOurs = (spec: ProcessSpec, events: ProcessEvents): Child => {
  const child = spawn(spec.file, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => {});
  return supervised(child, events);
};

const supervised = (child: ChildProcess, events: ProcessEvents): Child => {
  const splitters = [child.stdout, child.stderr].map((stream) => {
    const splitter = new LineSplitter((line) => events.onLine(line));
    stream?.on('data', (chunk: Buffer) => splitter.push(chunk));
    stream?.on('error', () => {});
    return splitter;
  });
  const pid = child.pid ?? 0;
  // Either it could not be started, or a signal could not be delivered, because it has ended.
  child.on('error', (error) => {
    if (pid === 0) events.onExit({ kind: 'not-started', message: error.message });
  });
  child.once('exit', (code, signal) => {
    if (pid === 0) return;
    // What it wrote last may still be in the pipes; a grandchild could keep them open for ever, so one turn must do.
    setImmediate(() => {
      for (const splitter of splitters) splitter.end();
      events.onExit(signal ? { kind: 'signal', signal } : { kind: 'code', code: code ?? 0 });
    });
  });
  return {
    pid,
    terminate: () => void child.kill('SIGTERM'),
    kill() {
      try {
        if (pid !== 0) process.kill(-pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL'); // The group is gone already.
      }
    },
  };
};
