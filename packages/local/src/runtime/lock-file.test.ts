import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { WeftError } from '@weft/base/errors';
import { seededRandom } from '@weft/base/random';
import { createServer } from 'node:net';
import { needs } from '@weft/testkit/require';
import { acquireLock } from './lock-file.ts';
import { acquireLoopbackBlock } from './loopback-block.ts';
import { processId } from './process-id.ts';
import { StateDir } from './state-dir.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('a lock file', () => {
  it('keeps a second one out until it is released, and is for its owner alone to read', () => {
    const path = join(dir, 'lock');
    const first = acquireLock(path);
    assert.ok(first.kind === 'locked');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(acquireLock(path), { kind: 'held', pid: process.pid });
    first.lock.release();
    assert.equal(acquireLock(path).kind, 'locked');
  });

  it('is taken over from a holder that died, even if its number was given away again', () => {
    const path = join(dir, 'lock');
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: 'in another age' }));
    assert.equal(acquireLock(path).kind, 'locked');
    writeFileSync(path, JSON.stringify({ pid: 0x7ffffff, started: '1' }));
    assert.equal(acquireLock(path).kind, 'locked');
    writeFileSync(path, 'torn');
    assert.equal(acquireLock(path).kind, 'locked');
    assert.deepEqual(readdirSync(dir), ['lock'], 'nothing is left beside it');
  });

  it('is not released by someone else', () => {
    const path = join(dir, 'lock');
    const mine = acquireLock(path);
    assert.ok(mine.kind === 'locked');
    const other = { ...processId(1), started: 'x' };
    rmSync(path);
    writeFileSync(path, JSON.stringify(other));
    mine.lock.release();
    assert.deepEqual(readdirSync(dir), ['lock']);
  });
});

describe('a state directory', () => {
  it('is made private, and refuses a second weft with a hint', () => {
    const path = join(dir, 'state');
    const state = StateDir.open(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    assert.throws(
      () => StateDir.open(path),
      (error) => error instanceof WeftError && error.kind.code === 'WEFT0212' && /--state-dir/.test(error.message),
    );
    assert.equal(statSync(state.write('pods.json', '{}')).mode & 0o777, 0o600);
    state.close();
    StateDir.open(path).close();
  });

  it('that cannot be written is said so by name', () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    assert.throws(
      () => StateDir.open(join(file, 'state')),
      (error) => error instanceof WeftError && error.kind.code === 'WEFT0203' && error.message.includes(file),
    );
  });
});

describe('a block of loopback addresses', { skip: needs('linux') }, () => {
  it('is held by one mesh at a time', async () => {
    const first = await acquireLoopbackBlock({ random: seededRandom(1), lockDir: dir });
    const second = await acquireLoopbackBlock({ random: seededRandom(1), lockDir: dir });
    assert.notEqual(first.name, second.name);
    await assert.rejects(
      acquireLoopbackBlock({ requested: first.name, random: seededRandom(1), lockDir: dir }),
      /another weft/,
    );
    first.close();
    const again = await acquireLoopbackBlock({ requested: first.name, random: seededRandom(1), lockDir: dir });
    assert.equal(again.name, first.name);
    again.close();
    second.close();
  });

  it('whose control plane port is in use is refused with the address', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(15012, '127.250.250.1', resolve));
    await assert.rejects(
      acquireLoopbackBlock({ requested: '127.250.250.0/24', random: seededRandom(1), lockDir: dir }),
      (error) =>
        error instanceof WeftError && error.kind.code === 'WEFT0201' && /127\.250\.250\.1:15012/.test(error.message),
    );
    assert.deepEqual(readdirSync(dir), [], 'its lock is given back');
    await new Promise((resolve) => server.close(resolve));
  });

  it('gives each replica an address and each application a port that no other has', async () => {
    const block = await acquireLoopbackBlock({ random: seededRandom(2), lockDir: dir });
    const addresses = Array.from({ length: 245 }, () => block.allocate());
    assert.equal(new Set(addresses).size, 245);
    assert.throws(() => block.allocate(), /full/);
    block.release(addresses[7] as string);
    assert.equal(block.allocate(), addresses[7]);
    assert.notEqual(await block.appPort(), await block.appPort());
    block.close();
  });

  it('keeps its locks where nobody else can write', async () => {
    chmodSync(dir, 0o777);
    await assert.rejects(acquireLoopbackBlock({ random: seededRandom(3), lockDir: dir }), /belongs to someone else/);
    const link = join(dir, 'link');
    symlinkSync(tmpdir(), link);
    await assert.rejects(acquireLoopbackBlock({ random: seededRandom(3), lockDir: link }), /belongs to someone else/);
  });

  it('must be one', async () => {
    for (const bad of ['10.0.0.0/24', '127.1.2.0/16', '127.1.2.3', '127.300.0.0/24'])
      await assert.rejects(
        acquireLoopbackBlock({ requested: bad, random: seededRandom(1), lockDir: dir }),
        /127\.x\.y\.0\/24/,
      );
  });
});
