import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bareServer, headersFrame, request } from '../testing/http2-frames.ts';
import { quietEvents } from '../testing/http2-peers.ts';
import { Http2Counters } from './counters.ts';
import { defaultHttp2Options } from './options.ts';
import { giveBack, takeBuffer } from './output-buffers.ts';
import { Http2Session } from './session.ts';

it('a buffer that was given back is taken again, by whoever needs its size', () => {
  const buffer = takeBuffer(5000);
  assert.equal(buffer.length, 8192);
  giveBack(buffer);
  assert.equal(takeBuffer(8192), buffer);
  assert.notEqual(takeBuffer(8192), buffer);
});

it('one of an unusual size is not kept', () => {
  const large = takeBuffer(300_000);
  assert.equal(large.length, 300_000);
  giveBack(large);
  assert.notEqual(takeBuffer(300_000), large);
});

it('what is taken has room for what was asked', () => {
  for (let round = 0; round < 3; round++) {
    for (const bytes of [1, 4096, 4097, 131_072, 131_073, 262_144, 262_145, 1_000_000]) {
      const buffer = takeBuffer(bytes);
      assert.ok(buffer.length >= bytes, `${buffer.length} for ${bytes}`);
      giveBack(buffer);
    }
  }
});

it('what is kept is bounded', () => {
  const many = Array.from({ length: 100 }, () => takeBuffer(65_536));
  for (const buffer of many) giveBack(buffer);
  const again = new Set(Array.from({ length: 100 }, () => takeBuffer(65_536)));
  assert.ok(many.filter((buffer) => again.has(buffer)).length <= 16);
});

it('bytes that a session has written stay as they are until it is told so', () => {
  const held: Buffer[] = [];
  const done: (() => void)[] = [];
  const server = new Http2Session(
    'server',
    defaultHttp2Options,
    { write: (buffer, written) => held.push(buffer) + done.push(written) > 0 },
    { ...quietEvents, onStream: (stream) => stream.respond(200, ['x-id', String(stream.id)], [], true) },
    new Http2Counters(),
  );
  server.start();
  server.flush();
  const other = bareServer({ onStream: (stream) => stream.respond(500, [], [], true) });
  const copies = held.map((buffer) => Buffer.from(buffer));
  for (let i = 0; i < 10; i++) {
    server.ping();
    server.flush();
    copies.push(Buffer.from(held.at(-1) as Buffer));
    other.push(headersFrame(2 * i + 1, request()));
  }
  assert.deepEqual(held, copies);
  for (const written of done) written();
});
