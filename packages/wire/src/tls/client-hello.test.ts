import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { type ClientHello, sniffClientHello } from './client-hello.ts';

/** What OpenSSL sends. */
const realHello = async (servername: string, protocols: string[]): Promise<Buffer> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as { port: number };
  const client = connect({ port, host: '127.0.0.1', servername, ALPNProtocols: protocols });
  client.on('error', () => {});
  return new Promise((resolve) =>
    server.on('connection', (socket) =>
      socket.once('data', (bytes: Buffer) => {
        client.destroy();
        socket.destroy();
        server.close(() => resolve(bytes));
      }),
    ),
  );
};

describe('the first bytes of a connection', () => {
  it('tell the server name and protocols, and say more until they are all there', async () => {
    const bytes = await realHello('Outbound_.80_._.B.default', ['istio', 'h2']);
    for (let i = 0; i < bytes.length; i++)
      assert.equal(sniffClientHello(bytes.subarray(0, i)), 'more', `after ${i} bytes`);
    const expected: ClientHello = { serverName: 'outbound_.80_._.b.default', protocols: ['istio', 'h2'] };
    assert.deepEqual(sniffClientHello(bytes), expected);
    const earlyData = Buffer.from([0x17, 3, 3, 0, 1, 0]);
    assert.deepEqual(sniffClientHello(Buffer.concat([bytes, earlyData])), expected, 'early data may follow');
  });

  it('may spread a hello over records', async () => {
    const bytes = await realHello('a.b', []);
    const hello = bytes.subarray(5);
    const record = (part: Buffer): Buffer =>
      Buffer.concat([Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part]);
    const cut = Buffer.concat([
      record(hello.subarray(0, 7)),
      record(hello.subarray(7, 100)),
      record(hello.subarray(100)),
    ]);
    assert.deepEqual(sniffClientHello(cut), { serverName: 'a.b', protocols: [] });
  });

  it('are plain where they are HTTP, an old SSL, or nonsense', () => {
    for (const text of ['GET / HTTP/1.1\r\n', '\x16\x02', '\x80\x2e\x01', '\x16\x03\x01\0\0', 'P']) {
      assert.equal(sniffClientHello(Buffer.from(text, 'latin1')), 'plain', JSON.stringify(text));
    }
    assert.equal(sniffClientHello(Buffer.alloc(0)), 'more');
  });

  it('never make it throw', async () => {
    const bytes = await realHello('a.b', ['istio']);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, byte] of changes) damaged[at] = byte;
        sniffClientHello(damaged);
      }),
    );
  });
});
