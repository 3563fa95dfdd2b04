import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import { openStateDir } from './state-dir.ts';
import { type StateFiles, systemFiles } from './state-files.ts';
import { numbered, openStore, recalled } from './testing/numbered-mesh.ts';

const scene = (t: TestContext): { directory: string; path: string } => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-journal-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, path: join(directory, 'last-good.jsonl') };
};

/** The system's files until the process "is killed" in its `last`th call; from then on nothing it does has an effect. */
class MortalFiles implements StateFiles {
  readonly #last: number;
  /** Which part of the write in which it is killed still happens: 0 to 1. */
  readonly #part: number;
  readonly #open = new Set<number>();
  #calls = 0;

  constructor(last: number, part: number) {
    this.#last = last;
    this.#part = part;
  }

  get dead(): boolean {
    return this.#calls >= this.#last;
  }

  release(): void {
    for (const fd of this.#open) closeSync(fd);
  }

  read = (path: string): Buffer => this.#call(() => systemFiles.read(path));
  open = (path: string, how: 'append' | 'create'): number =>
    this.#call(() => {
      const fd = systemFiles.open(path, how);
      this.#open.add(fd);
      return fd;
    });
  write = (fd: number, bytes: Uint8Array): number =>
    this.#call(
      () => systemFiles.write(fd, bytes),
      () => void systemFiles.write(fd, bytes.subarray(0, Math.floor(bytes.length * this.#part))),
    );
  sync = (fd: number): void => this.#call(() => systemFiles.sync(fd));
  close = (fd: number): void =>
    this.#call(() => {
      this.#open.delete(fd);
      systemFiles.close(fd);
    });
  rename = (from: string, to: string): void => this.#call(() => systemFiles.rename(from, to));
  syncDirectory = (path: string): void => this.#call(() => systemFiles.syncDirectory(path));
  remove = (path: string): void => this.#call(() => systemFiles.remove(path));

  #call<T>(effect: () => T, lastBreath?: () => void): T {
    this.#calls += 1;
    if (this.#calls === this.#last) lastBreath?.();
    if (this.#calls >= this.#last) throw new Error('killed');
    return effect();
  }
}

test('a process killed in any of its system calls loses nothing that it has answered for', async (t) => {
  const CHANGES = 6;
  let survived = false;
  for (let last = 1; !survived; last++) {
    for (const part of [0, 0.5, 1]) {
      const { path } = scene(t);
      const first = openStore(path);
      first.update(numbered(1), []);
      first.close();
      const files = new MortalFiles(last, part);
      const clock = new FakeClock();
      let store = openStore(path, { clock, files });
      let answered = 1;
      for (let n = 2; n < 2 + CHANGES && !files.dead; n++) {
        // A restart amid the changes: what it does to the file is a matter of life and death too.
        if (n === 4) store = openStore(path, { clock, files });
        store.update(numbered(n), []);
        if (!files.dead) answered = n;
        await clock.advance(2000);
      }
      if (!files.dead) store.close();
      survived = !files.dead;
      files.release();
      const found = recalled(path);
      assert.ok(found === answered || found === answered + 1, `call ${last}: ${answered} answered, ${found} found`);
    }
    assert.ok(last < 200);
  }
});

test('a process that is really killed loses nothing that it has answered for', async (t) => {
  const { path } = scene(t);
  const random = seededRandom(7);
  const rounds = Number(process.env.WEFT_KILLS ?? 4);
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/change-for-ever.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const killAt = 2000 + Math.floor(random() * 4000);
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.length > killAt) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const answered = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
    const found = recalled(path);
    assert.ok(found === answered || found === answered + 1, `${answered} answered, ${found} found`);
  }
});

test('a line that is damaged costs what it says and nothing else', (t) => {
  const { path } = scene(t);
  const store = openStore(path);
  for (const n of [1, 2, 3]) store.update(numbered(n), []);
  store.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  lines[2] = (lines[2] as string).replace('"port":3', '"port":4');
  writeFileSync(path, lines.join('\n'));
  assert.equal(recalled(path), 2);
  writeFileSync(path, Buffer.from([0, 255, 10, 10, 65]));
  const said: string[] = [];
  const after = openStore(path, { said });
  assert.match(said.join(), /damaged in part/);
  after.update(numbered(5), []);
  after.close();
  assert.equal(recalled(path), 5);
});

test('what is deleted stays deleted, and the file does not grow for ever', async (t) => {
  const { path, directory } = scene(t);
  const clock = new FakeClock();
  const store = openStore(path, { clock });
  for (let n = 1; n <= 4000; n++) store.update(numbered(n), []);
  assert.ok(statSync(path).size > 1 << 20);
  await clock.advance(1000);
  assert.ok(statSync(path).size < 1000);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  store.update([], []);
  store.close();
  assert.equal(recalled(path), 0);
  assert.deepEqual(openStateDir(directory).directory, directory);
});

test('a disk that is full is said, and all is saved once there is room again', async (t) => {
  const { path } = scene(t);
  const clock = new FakeClock();
  const said: string[] = [];
  let full = false;
  const files: StateFiles = {
    ...systemFiles,
    write: (fd, bytes) => {
      if (!full) return systemFiles.write(fd, bytes);
      systemFiles.write(fd, bytes.subarray(0, 10));
      throw new Error('ENOSPC');
    },
  };
  const store = openStore(path, { clock, said, files });
  store.update(numbered(1), []);
  full = true;
  store.update(numbered(2), []);
  assert.match(said.join(), /not saved.*ENOSPC/);
  assert.equal(recalledCopy(path), 1);
  full = false;
  await clock.advance(5000);
  assert.equal(recalledCopy(path), 2);
  store.close();
});

/** Looks without touching. */
const recalledCopy = (path: string): number => {
  const copy = `${path}-copy`;
  writeFileSync(copy, readFileSync(path));
  return recalled(copy);
};

test('drafts that a killed run left are removed, with the key of an authority half made', (t) => {
  const { directory } = scene(t);
  const uuid = 'c1c1c1c1-0000-4000-8000-000000000000';
  writeFileSync(join(directory, `last-good.jsonl.${uuid}`), 'half');
  writeFileSync(join(directory, 'last-good.jsonl.backup'), 'a person’s own');
  writeFileSync(join(directory, `.ca-${uuid}`), 'a key');
  openStateDir(directory);
  assert.throws(() => statSync(join(directory, `last-good.jsonl.${uuid}`)));
  assert.throws(() => statSync(join(directory, `.ca-${uuid}`)));
  assert.ok(statSync(join(directory, 'last-good.jsonl.backup')));
});
