import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { readBuffer, readIntoSharedBuffer } from './shared-read-buffer.ts';

describe('an accepted connection that reads into the shared buffer', () => {
  it('gets every byte there, in order, also across pauses and behind what was put back', async (t) => {
    const server = createServer();
    t.after(() => server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    t.after(() => client.destroy());
    const [socket] = (await once(server, 'connection')) as [Socket];
    client.write('first ');
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    socket.unshift(first);

    let text = '';
    let shared = 0;
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    assert.ok(
      readIntoSharedBuffer(socket, (buffer, start, end) => {
        assert.equal(buffer, readBuffer);
        shared += end - start;
        text += buffer.toString('utf8', start, end);
        socket.pause();
        setImmediate(() => socket.resume());
      }),
      'this Node has no way to do it: see findSetup',
    );
    const body = Array.from({ length: 50_000 }, (_, i) => i).join(' ');
    socket.resume();
    client.end(body);
    await once(socket, 'end');
    assert.equal(text, `first ${body}`);
    assert.equal(shared, body.length);
  });
});
