import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Diagnostic } from '@weft/base/diagnostic';
import { type HostileFile, hostileFiles } from './hostile-files.ts';

/** A file of ten MB of good manifests takes three seconds; on a busy machine more. */
const TIME_BOUND_MS = 30_000;
const SMALL_BYTES = 1 << 20;

/** What is said of each file. Fails where it takes too long, or the process ends. */
const check = async (t: TestContext, files: readonly HostileFile[]): Promise<[HostileFile, Diagnostic[]][]> => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-hostile-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const paths = files.map((file, i) => {
    writeFileSync(join(folder, `${i}.yaml`), file.bytes);
    return join(folder, `${i}.yaml`);
  });
  const program = join(import.meta.dirname, 'check-files.ts');
  const limits = { timeout: TIME_BOUND_MS, maxBuffer: 1 << 30, killSignal: 'SIGKILL' } as const;
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...paths], limits);
  const found = JSON.parse(stdout) as Diagnostic[][];
  return files.map((file, i) => {
    const diagnostics = found[i] ?? [];
    for (const d of diagnostics)
      assert.ok(d.file === paths[i] && d.line >= 1 && d.column >= 1 && d.message.length < 10_000, file.name);
    return [file, diagnostics];
  });
};

const expectSaid = ({ name, says }: HostileFile, diagnostics: readonly Diagnostic[]): void => {
  const worst = diagnostics.filter((d) => d.level !== 'info');
  const first = worst.map((d) => `${d.line}:${d.column} ${d.level} ${d.code}`)[0];
  const why = `${name}: ${first ?? 'nothing'} ${worst[0]?.message.slice(0, 200) ?? ''}`;
  if (says) assert.match(first ?? 'nothing', says, why);
  else assert.equal(first, undefined, why);
};

const all = hostileFiles();
const small = all.filter((file) => file.bytes.length < SMALL_BYTES);

for (const large of all.filter((file) => !small.includes(file)))
  test(`${large.name}: said with its place, in bounded time`, async (t) => {
    for (const [file, diagnostics] of await check(t, [large])) expectSaid(file, diagnostics);
  });

test('small files that attack: each is said with its place, and they take no time together', async (t) => {
  for (const [file, diagnostics] of await check(t, small)) expectSaid(file, diagnostics);
});
