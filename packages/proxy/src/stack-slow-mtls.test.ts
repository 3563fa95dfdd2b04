// Two sidecars with mutual TLS between them, and a side that does not read: what is on its way stays where it is.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext as Test, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startListener } from './stack.ts';
import { chain, endpoint, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';

const MB = 1024 * 1024;
const TOTAL = 200 * MB;
/** What three hops of loopback and the two proxies may hold. */
const HELD = 48 * MB;

/** Resolves to the port of the caller's sidecar. */
const chainTo = async (t: Test, onConnection: (socket: Socket) => void): Promise<number> => {
  const app = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.after(() => app.close());
  const mesh = new TestMesh();
  const b = new TestContext();
  b.tlsStore = mesh.store('b');
  b.addCluster('app', [(app.address() as AddressInfo).port]);
  const http = manager(table(forwardTo('app')));
  const inbound = await startListener(
    listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, tlsConfig({ sni: '' }))] }),
    b,
  );
  t.after(() => inbound.close(false));
  const a = new TestContext();
  a.tlsStore = mesh.store('a');
  a.addCluster('b', [endpoint(inbound.port)], { tls: tlsConfig({ peerSans: [named(spiffe('b'))] }) });
  const outbound = await startListener(listener(manager(table(forwardTo('b')))), a);
  t.after(() => outbound.close(false));
  return outbound.port;
};

/** Writes all of it, as fast as it is taken. */
const pump = (socket: Socket, count: (bytes: number) => void): void => {
  const piece = Buffer.alloc(MB, 'x');
  let left = TOTAL;
  const more = (): void => {
    while (left > 0) {
      left -= piece.length;
      count(piece.length);
      if (!socket.write(piece)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
};

/** The value once it has stayed the same for a quarter of a second. */
const settled = async (value: () => number): Promise<number> => {
  for (let last = -1, same = 0; same < 5; ) {
    await sleep(50);
    same = value() === last && last > 0 ? same + 1 : 0;
    last = value();
  }
  return value();
};

const client = (t: Test, port: number): Socket => {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  return socket;
};

const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 1000; i++) {
    if (holds()) return;
    await sleep(20);
  }
  assert.fail('never');
};

test('a client that does not read an answer of 200 MB', { timeout: 60_000 }, async (t) => {
  let written = 0;
  const port = await chainTo(t, (socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${TOTAL}\r\n\r\n`);
      pump(socket, (bytes) => (written += bytes));
    });
  });
  const c = client(t, port);
  c.pause();
  c.write('GET / HTTP/1.1\r\nHost: b\r\n\r\n');
  const before = process.memoryUsage.rss();
  assert.ok((await settled(() => written)) < HELD, `${written / MB} MB were taken from the application`);
  assert.ok(process.memoryUsage.rss() - before < 2 * HELD);
  let read = 0;
  c.on('data', (bytes: Buffer) => (read += bytes.length)).resume();
  await until(() => read > TOTAL);
});

test('an application that does not read a request of 200 MB', { timeout: 60_000 }, async (t) => {
  const accepted: Socket[] = [];
  const port = await chainTo(t, (socket) => {
    socket.pause();
    accepted.push(socket);
  });
  const c = client(t, port);
  let answer = '';
  c.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  c.write(`POST / HTTP/1.1\r\nHost: b\r\ncontent-length: ${TOTAL}\r\n\r\n`);
  let written = 0;
  const before = process.memoryUsage.rss();
  pump(c, (bytes) => (written += bytes));
  assert.ok((await settled(() => written)) < HELD, `${written / MB} MB were taken from the client`);
  assert.ok(process.memoryUsage.rss() - before < 2 * HELD);
  let read = 0;
  const [app] = accepted;
  assert.ok(app);
  app.on('data', (bytes: Buffer) => {
    read += bytes.length;
    if (read > TOTAL) app.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  app.resume();
  await until(() => answer.startsWith('HTTP/1.1 200'));
});
