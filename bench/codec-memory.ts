// node bench/codec-memory.ts [ENVOY.fds]: resident memory of a process that holds a sidecar's configuration, by codec and
// by flags of Node. The figures of docs/decisions/0002-xds-codec.md. With a descriptor set (tools/xds-gen/descriptors.sh)
// it also measures protobuf-es with the descriptors of every file that our messages come from.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { build } from 'esbuild';
import { ROOTS } from '../tools/xds-gen/roots.ts';
import { descriptorsOfTables } from '../packages/xds/src/codec/testing/descriptors.ts';
import { proxyEnvironment, proxyNodeFlags } from '../packages/proxy/src/process-settings.ts';
import { writeFixture } from './scale/fixture.ts';
import { subjects } from './scale/subjects.ts';

const SERVICES = 1000;
const ENDPOINTS = 10;
const UPDATES = 100;
const ROUTE_UPDATES = 10;
const ROUNDS = 3;
const SMALL = ['--max-semi-space-size=1', '--optimize-for-size'];

interface Way {
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
const ARENA = { MALLOC_ARENA_MAX: '1' };
const WAYS: Record<string, Way> = {
  none: { flags: [] },
  '`--max-semi-space-size=1`': { flags: SMALL.slice(0, 1) },
  '`--optimize-for-size`': { flags: SMALL.slice(1) },
  both: { flags: SMALL },
  'both, one malloc arena': { flags: SMALL, env: ARENA },
  'both, one arena, a collection after updates': { flags: [...SMALL, '--expose-gc'], env: ARENA },
  'both, one arena, collection, `--v8-pool-size=1`': {
    flags: [...SMALL, '--expose-gc', '--v8-pool-size=1'],
    env: ARENA,
  },
  'both, one arena, collection, `--single-threaded`': {
    flags: [...SMALL, '--expose-gc', '--single-threaded'],
    env: ARENA,
  },
  'both, one arena, collection, no optimising compilers': {
    flags: [...SMALL, '--expose-gc', '--no-maglev', '--no-turbofan'],
    env: ARENA,
  },
  'both, `--lite-mode`': { flags: [...SMALL, '--lite-mode'] },
  'as the proxy is started (0001)': { flags: proxyNodeFlags, env: proxyEnvironment },
};

const [descriptorSet] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'weft-codec-'));

const bundle = async (name: string, code: string): Promise<string> => {
  const outfile = join(dir, `${name.replaceAll(/\W+/g, '-')}.mjs`);
  await build({
    stdin: { contents: code, resolveDir: join(import.meta.dirname, 'scale'), loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minify: true,
    logLevel: 'error',
  });
  return outfile;
};

interface Memory {
  readonly rss: number;
}

const measure = async (file: string, { flags, env }: Way, load: readonly string[]): Promise<Memory> => {
  const args = [...flags, file, dir, load.join(',')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint = String(chunk).trim().split('\n').at(-3)?.slice(0, 300) ?? '';
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${file} ${flags.join(' ')}: ${complaint}`)));
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  const kb = (path: string, key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(path, 'utf8'))?.[1]);
  const memory = { rss: kb(`/proc/${child.pid}/status`, 'VmRSS') / 1024 };
  child.kill('SIGKILL');
  await ended.catch(() => {});
  return memory;
};

const range = async (file: string, way: Way, load: readonly string[]): Promise<string> => {
  const all: number[] = [];
  for (let i = 0; i < ROUNDS; i++) all.push((await measure(file, way, load)).rss);
  return `${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)}`;
};

/** The files that our messages are in, and all that those import. */
const filesOfRoots = (path: string): Uint8Array => {
  const all = fromBinary(FileDescriptorSetSchema, readFileSync(path)).file;
  const byName = new Map(all.map((file) => [file.name, file]));
  const wanted = new Set<FileDescriptorProto>();
  const want = (file: FileDescriptorProto | undefined): void => {
    if (!file || wanted.has(file)) return;
    wanted.add(file);
    for (const name of file.dependency) want(byName.get(name));
  };
  for (const root of ROOTS)
    want(
      all.find(
        (file) =>
          root.startsWith(`${file.package}.`) && file.messageType.some((m) => `${file.package}.${m.name}` === root),
      ),
    );
  console.log(`descriptors of all files: ${wanted.size} files`);
  return toBinary(
    FileDescriptorSetSchema,
    create(FileDescriptorSetSchema, { file: all.filter((file) => wanted.has(file)) }),
  );
};

try {
  const { bytes, first } = writeFixture(dir, SERVICES, ENDPOINTS, UPDATES, ROUTE_UPDATES);
  const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  const loads = {
    idle: [],
    loaded: names('first', first),
    updated: [...names('first', first), ...names('update', UPDATES)],
    routes: [...names('first', first), ...names('update', UPDATES), ...names('routes', ROUTE_UPDATES)],
  };
  writeFileSync(join(dir, 'trimmed.fds'), toBinary(FileDescriptorSetSchema, descriptorsOfTables()));
  if (descriptorSet) writeFileSync(join(dir, 'all.fds'), filesOfRoots(descriptorSet));
  const version = execFileSync(process.execPath, ['--version']).toString().trim();
  console.log(
    `Node ${version}; ${SERVICES} services × ${ENDPOINTS} endpoints: ${(bytes / 1e6).toFixed(1)} MB in ${first} responses`,
  );
  console.log(`RSS in MB, lowest–highest of ${ROUNDS} runs`);
  console.log('\n| holds | idle | idle, flags | updated | updated, flags |\n|---|---|---|---|---|');
  for (const [name, code] of Object.entries(subjects)) {
    if (name.includes('all files') && !descriptorSet) continue;
    const file = await bundle(name, code);
    const cells: string[] = [];
    for (const load of [loads.idle, loads.updated])
      for (const flags of [[], SMALL]) cells.push(await range(file, { flags }, load));
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  const shipped = 'our codec, raw bytes kept, compiled for the data path';
  const file = await bundle(shipped, subjects[shipped] as string);
  console.log(
    `\n| ${shipped}, with | idle | loaded | + ${UPDATES} updates of one service | + ${ROUTE_UPDATES} of the route table |\n|---|---|---|---|---|`,
  );
  for (const [name, way] of Object.entries(WAYS)) {
    const cells: string[] = [];
    for (const load of Object.values(loads)) cells.push(await range(file, way, load));
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
