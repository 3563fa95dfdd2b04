import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldBytes, NOT_YET } from './held-bytes.ts';
import { RequestReader } from './request-reader.ts';

const limits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };
const nothing = { onHead() {}, onData() {}, onEnd() {}, onError() {} };

describe('a head that comes byte by byte', () => {
  it('costs the reader work that grows with its length alone', (t) => {
    const append = t.mock.method(HeldBytes.prototype, 'append');
    const text = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(50_000)}\r\n\r\n`;
    let heads = 0;
    const reader = new RequestReader({ ...nothing, onHead: () => void heads++ }, limits);
    const buffer = Buffer.alloc(64 * 1024, '\r\n\r\n');
    for (const c of Buffer.from(text)) {
      buffer[0] = c;
      reader.push(buffer, 0, 1);
    }
    assert.equal(heads, 1);
    const used = new Set(append.mock.calls.map((call) => call.this as HeldBytes));
    assert.equal(used.size, 1, 'one buffer, which grows');
    const [held] = used;
    assert.equal(held!.searched, text.length, 'each byte is looked at once');
    assert.ok(held!.copied < 3 * text.length, `${held!.copied} bytes copied for ${text.length}`);
  });

  it('is given up at the limit, and what was held is let go', () => {
    const errors: number[] = [];
    const reader = new RequestReader({ ...nothing, onError: (e) => void errors.push(e.status) }, limits);
    const line = Buffer.from(`X-${'x'.repeat(98)}: y\r\n`);
    reader.push(Buffer.from('GET / HTTP/1.1\r\n'));
    for (let i = 0; i < 2000; i++) reader.push(line);
    assert.deepEqual(errors, [431]);
    assert.equal(reader.heldBytes, 0);
  });
});

it('pipelined requests that wait are copied once, however many', (t) => {
  const append = t.mock.method(HeldBytes.prototype, 'append');
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  let heads = 0;
  const reader = new RequestReader({ ...nothing, onHead: () => void heads++ }, limits);
  reader.push(Buffer.from(request.repeat(1000)));
  reader.push(Buffer.from(request.repeat(1000)));
  while (reader.heldBytes > 0) reader.next();
  assert.equal(heads, 2000);
  const held = append.mock.calls[0]!.this as HeldBytes;
  assert.equal(append.mock.callCount(), 1);
  assert.ok(held.copied < 3 * request.length * 1999, `${held.copied}`);
});

it('the end of a head is found wherever it was cut, and a bare line break too', () => {
  const bytes = Buffer.from('a: b\r\n\r\nrest');
  for (let cut = 1; cut < bytes.length; cut++) {
    const held = new HeldBytes(bytes, 0, cut);
    const first = held.endOfHead();
    held.append(bytes, cut, bytes.length);
    assert.equal(first === NOT_YET ? held.endOfHead() : first, 8);
  }
  for (const bare of ['a\nb', 'a\rb', '\n', 'a\r\rb', 'a\r\n\nb'])
    assert.equal(new HeldBytes(Buffer.from(bare), 0, bare.length).endOfHead(), -2, JSON.stringify(bare));
});
