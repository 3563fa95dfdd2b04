import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { FileSource } from './files.ts';
import type { ManifestSet } from './read-manifests.ts';

/** A folder with a source on it; `until` waits for a look that shows what is expected. */
const scene = (t: TestContext, roots: (directory: string) => string[] = (d) => [d]) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-files-'));
  mkdirSync(join(directory, 'state'));
  mkdirSync(join(directory, 'conf'));
  const changes: ManifestSet[] = [];
  let waiting: { done: (set: ManifestSet) => boolean; resolve: (set: ManifestSet) => void } | undefined;
  const source = new FileSource({
    roots: roots(join(directory, 'conf')),
    podsFile: join(directory, 'state/pods.json'),
    stateDirectory: join(directory, 'state'),
    clock: systemClock,
    onChange: (set) => {
      changes.push(set);
      if (waiting?.done(set)) waiting.resolve(set);
    },
  });
  t.after(() => {
    source.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    directory,
    conf: join(directory, 'conf'),
    source,
    changes,
    until: (done: (set: ManifestSet) => boolean): Promise<ManifestSet> =>
      new Promise((resolve) => (waiting = { done, resolve })),
    show: (set: ManifestSet): string[] => set.texts.map(({ path, text }) => `${relative(directory, path)} ${text}`),
  };
};

const has = (name: string, text: string) => (set: ManifestSet) =>
  set.texts.some((t) => basename(t.path) === name && t.text === text);

test('folders are read in path order, without what is hidden or not a manifest', (t) => {
  const { conf, source, show } = scene(t);
  mkdirSync(join(conf, 'sub/.git'), { recursive: true });
  mkdirSync(join(conf, 'node_modules'));
  for (const [name, text] of Object.entries({
    'b.yaml': 'b',
    'a.yml': 'a',
    'sub/c.json': 'c',
    'sub/.git/x.yaml': 'x',
    '.hidden.yaml': 'x',
    'readme.md': 'x',
    'node_modules/p.yaml': 'x',
  }))
    writeFileSync(join(conf, name), text);
  assert.deepEqual(show(source.start()), ['conf/a.yml a', 'conf/b.yaml b', 'conf/sub/c.json c']);
});

test('a file in place, a file replaced, a new folder, a deletion: each is seen', async (t) => {
  const { conf, source, until } = scene(t);
  writeFileSync(join(conf, 'a.yaml'), '1');
  source.start();
  let seen = until(has('a.yaml', '12'));
  appendFileSync(join(conf, 'a.yaml'), '2');
  await seen;
  seen = until(has('a.yaml', '3'));
  writeFileSync(join(conf, 'a.yaml~'), '3');
  renameSync(join(conf, 'a.yaml~'), join(conf, 'a.yaml'));
  await seen;
  seen = until(has('deep.yaml', '1'));
  mkdirSync(join(conf, 'new/folder'), { recursive: true });
  writeFileSync(join(conf, 'new/folder/deep.yaml'), '1');
  await seen;
  seen = until(has('deep.yaml', '2'));
  writeFileSync(join(conf, 'new/folder/deep.yaml'), '2');
  await seen;
  seen = until((set) => set.texts.length === 1);
  rmSync(join(conf, 'new'), { recursive: true });
  await seen;
});

test('files saved together are one change', async (t) => {
  const { conf, source, until, changes } = scene(t);
  source.start();
  const seen = until((set) => set.texts.length === 20);
  for (let i = 0; i < 20; i++) writeFileSync(join(conf, `${i}.yaml`), 'x');
  await seen;
  assert.equal(changes.length, 1);
});

test('a folder of symbolic links that is switched as a whole is followed, as Kubernetes mounts a ConfigMap', async (t) => {
  const { conf, source, until } = scene(t);
  for (const version of ['1', '2']) {
    mkdirSync(join(conf, `..${version}`));
    writeFileSync(join(conf, `..${version}`, 'a.yaml'), version);
  }
  symlinkSync('..1', join(conf, '..data'));
  symlinkSync('..data/a.yaml', join(conf, 'a.yaml'));
  assert.ok(has('a.yaml', '1')(source.start()));
  let seen = until(has('a.yaml', '2'));
  symlinkSync('..2', join(conf, '..next'));
  renameSync(join(conf, '..next'), join(conf, '..data'));
  await seen;
  seen = until(has('a.yaml', '2+'));
  writeFileSync(join(conf, '..2/a.yaml'), '2+');
  await seen;
});

test('a switch of linked folders is one change of all its files, with those that come and go', async (t) => {
  const { conf, source, until, changes } = scene(t);
  for (const [version, names] of Object.entries({ 1: ['a', 'b'], 2: ['b', 'c'] })) {
    mkdirSync(join(conf, `..${version}`));
    for (const name of names) {
      writeFileSync(join(conf, `..${version}`, `${name}.yaml`), `${version}\n`);
      symlinkSync(`..data/${name}.yaml`, join(conf, `${name}${version}.yaml`));
    }
  }
  symlinkSync('..1', join(conf, '..data'));
  source.start();
  const seen = until(has('c2.yaml', '2\n'));
  symlinkSync('..2', join(conf, '..next'));
  renameSync(join(conf, '..next'), join(conf, '..data'));
  const { texts } = await seen;
  assert.deepEqual(
    texts.map(({ text }) => text),
    ['2\n', '2\n', '2\n'],
  );
  assert.equal(changes.length, 1);
});

test('links that go round in a circle end', (t) => {
  const { conf, source } = scene(t);
  mkdirSync(join(conf, 'a'));
  symlinkSync('..', join(conf, 'a/up'));
  symlinkSync('nowhere.yaml', join(conf, 'dangling.yaml'));
  writeFileSync(join(conf, 'a/x.yaml'), 'x');
  assert.equal(source.start().texts.length, 1);
});

test('a folder that is replaced by another is watched on', async (t) => {
  const { directory, conf, source, until } = scene(t);
  writeFileSync(join(conf, 'a.yaml'), '1');
  source.start();
  mkdirSync(join(directory, 'other'));
  writeFileSync(join(directory, 'other/a.yaml'), '2');
  let seen = until(has('a.yaml', '2'));
  renameSync(conf, join(directory, 'old'));
  renameSync(join(directory, 'other'), conf);
  await seen;
  seen = until(has('a.yaml', '3'));
  writeFileSync(join(conf, 'a.yaml'), '3');
  await seen;
});

test('what was asked for by name and is gone stays as it was, and is reported', async (t) => {
  const { conf, source, until, show } = scene(t, (d) => [join(d, 'a.yaml'), join(d, 'b.txt')]);
  writeFileSync(join(conf, 'a.yaml'), '1');
  writeFileSync(join(conf, 'b.txt'), '2');
  assert.equal(source.start().texts.length, 2);
  const seen = until((set) => set.diagnostics.length > 0);
  rmSync(join(conf, 'a.yaml'));
  const set = await seen;
  assert.deepEqual(show(set), ['conf/b.txt 2', 'conf/a.yaml 1']);
  assert.match(set.diagnostics[0]?.message ?? '', /cannot be read \(ENOENT\)/);
});

test('a file that is half written keeps its text until the rest is there; one that stays so is taken at its word', async (t) => {
  const { conf, source, until, changes } = scene(t);
  const file = join(conf, 'a.yaml');
  writeFileSync(file, 'kind: A\n---\nkind: B\n');
  source.start();
  for (const half of ['', 'kind: A\n', 'kind: A\n---\nki', 'other: [']) {
    writeFileSync(file, half);
    source.refresh();
  }
  assert.equal(changes.length, 0);
  let seen = until(has('a.yaml', 'other: []\n'));
  writeFileSync(file, 'other: []\n');
  await seen;
  assert.equal(changes.length, 1);
  for (const final of ['other: []', '']) {
    seen = until(has('a.yaml', final));
    writeFileSync(file, final);
    await seen;
  }
});

test('a new file is not read before its first line ends', async (t) => {
  const { conf, source, until, changes } = scene(t);
  source.start();
  writeFileSync(join(conf, 'a.yaml'), 'kind: Ser');
  source.refresh();
  assert.equal(changes.length, 0);
  const seen = until(has('a.yaml', 'kind: Service\n'));
  appendFileSync(join(conf, 'a.yaml'), 'vice\n');
  await seen;
  assert.equal(changes.length, 1);
});

test('changes of other files do not put off the end of a doubt', async (t) => {
  const { conf, source, until } = scene(t);
  writeFileSync(join(conf, 'a.yaml'), '1\n');
  source.start();
  const seen = until(has('a.yaml', ''));
  writeFileSync(join(conf, 'a.yaml'), '');
  let n = 0;
  const churn = setInterval(() => writeFileSync(join(conf, 'b.yaml'), `${n++}\n`), 5);
  t.after(() => clearInterval(churn));
  await seen;
});

test('the pods file is read beside the manifests, and may be missing', async (t) => {
  const { directory, source, until } = scene(t);
  assert.deepEqual(source.start().texts, []);
  const seen = until(has('pods.json', '[]'));
  writeFileSync(join(directory, 'state/new'), '[]');
  renameSync(join(directory, 'state/new'), join(directory, 'state/pods.json'));
  await seen;
});
