import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { Overload } from './overload.ts';
import { startListener } from './stack.ts';
import { http1Only } from './testing/client-version.ts';
import { forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { TestApp, TestClient } from './testing/peers.ts';

const MB = 1024 * 1024;
/** Kernel buffers on both sides of both connections, and our own. */
const HELD_MB = 24;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (context: TestContext, port: number) => {
  context.addCluster('app', [port]);
  const running = await startListener(listener(manager(table(forwardTo('app')))), context);
  closers.push(() => running.close(false));
  return running;
};

const client = (port: number): TestClient => {
  const c = new TestClient(port);
  closers.push(() => c.socket.destroy());
  return c;
};

const until = async (condition: () => boolean): Promise<void> => {
  for (const end = performance.now() + 30_000; !condition(); assert.ok(performance.now() < end, 'never'))
    await new Promise((resolve) => setTimeout(resolve, 1));
};

/** Until what is counted has stood still for a while. */
const settled = async (count: () => number): Promise<number> => {
  for (let last = -1, since = 0; since < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    since = count() === last ? since + 1 : 0;
    last = count();
  }
  return count();
};

describe('an overloaded proxy', () => {
  it('closes connections past its ceiling, and takes others when there is room', async () => {
    const app = await TestApp.start();
    closers.push(() => app.close());
    const context = new TestContext(undefined, { maxDownstreamConnections: 2 });
    const { port } = await start(context, app.port);
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const [first, second] = [client(port), client(port)];
    for (const c of [first, second]) await c.send(request).until(/200 OK/);
    assert.equal(await client(port).send(request).end(), '');
    first.socket.destroy();
    await until(() => context.overload.connections === 1);
    await client(port)
      .send(request)
      .until(/200 OK/);
    await second.send(request).until(/200 OK.*200 OK/s);
    assert.equal(context.stats.listeners.get(`127.0.0.1_${port}`)?.downstream_global_cx_overflow, 1);
  });

  it('short of memory answers 503 and closes, until it has recovered', http1Only(), async () => {
    const app = await TestApp.start();
    closers.push(() => app.close());
    const context = new TestContext();
    const { port } = await start(context, app.port);
    context.overload.shedding = true;
    const answer = await client(port).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').end();
    assert.match(answer, /^HTTP\/1\.1 503 .*x-envoy-local-overloaded: true.*connection: close.*envoy overloaded$/s);
    assert.equal(app.requests.length, 0);
    assert.deepEqual([context.records[0]?.responseFlags, context.records[0]?.responseCodeDetails], ['OM', 'overload']);
    context.overload.shedding = false;
    await client(port)
      .send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      .until(/200 OK/);
  });

  it('sheds from 92 % of either memory on, and recovers at 85 %', async () => {
    const clock = new FakeClock();
    const use = { heap: 0.5, resident: 0.5 };
    const overload = new Overload({}, clock, () => use);
    overload.start();
    const look = async (heap: number, resident: number): Promise<boolean> => {
      Object.assign(use, { heap, resident });
      await clock.advance(250);
      return overload.shedding;
    };
    assert.deepEqual(
      [
        await look(0.91, 0.91),
        await look(0.92, 0.1),
        await look(0.86, 0.1),
        await look(0.84, 0.1),
        await look(0, 0.95),
      ],
      [false, true, true, false, true],
    );
    overload.close();
    assert.equal(clock.pending, 0);
  });
});

describe('a slow side holds back the other', () => {
  it('a client that does not read a response of 200 MB', async () => {
    const total = 200 * MB;
    let written = 0;
    const app = createServer((socket) => {
      closers.push(() => socket.destroy());
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`);
        const piece = Buffer.alloc(MB, 'x');
        const more = (): void => {
          while (written < total) {
            written += piece.length;
            if (!socket.write(piece)) {
              socket.once('drain', more);
              return;
            }
          }
        };
        more();
      });
    }).listen(0, '127.0.0.1');
    await once(app, 'listening');
    closers.push(() => app.close());
    const { port } = await start(new TestContext(), (app.address() as AddressInfo).port);
    const c = connect(port, '127.0.0.1');
    closers.push(() => c.destroy());
    c.pause();
    c.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const before = process.memoryUsage.rss();
    assert.ok((await settled(() => written)) < HELD_MB * MB, `${written / MB} MB were taken from the upstream`);
    assert.ok(process.memoryUsage.rss() - before < 2 * HELD_MB * MB);
    let read = 0;
    c.on('data', (bytes: Buffer) => (read += bytes.length)).resume();
    await until(() => read > total);
    assert.equal(written, total);
  });

  it('an upstream that does not read a request of 200 MB', async () => {
    const total = 200 * MB;
    const accepted: Socket[] = [];
    const app = createServer((socket) => {
      socket.on('error', () => {});
      socket.pause();
      accepted.push(socket);
      closers.push(() => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(app, 'listening');
    closers.push(() => app.close());
    const { port } = await start(new TestContext(), (app.address() as AddressInfo).port);
    const c = connect(port, '127.0.0.1');
    closers.push(() => c.destroy());
    let answer = '';
    c.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    c.write(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${total}\r\n\r\n`);
    let written = 0;
    const piece = Buffer.alloc(MB, 'x');
    const more = (): void => {
      while (written < total) {
        written += piece.length;
        if (!c.write(piece)) {
          c.once('drain', more);
          return;
        }
      }
    };
    const before = process.memoryUsage.rss();
    more();
    assert.ok((await settled(() => written)) < HELD_MB * MB, `${written / MB} MB were taken from the client`);
    assert.ok(process.memoryUsage.rss() - before < 2 * HELD_MB * MB);
    let read = 0;
    const [upstream] = accepted;
    assert.ok(upstream);
    upstream.on('data', (bytes: Buffer) => {
      read += bytes.length;
      if (read > total) upstream.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
    upstream.resume();
    await until(() => answer.startsWith('HTTP/1.1 200'));
    assert.equal(written, total);
  });
});

it('500 idle connections are held, and each still serves', async () => {
  const app = await TestApp.start();
  closers.push(() => app.close());
  const context = new TestContext();
  const { port } = await start(context, app.port);
  const clients = Array.from({ length: 500 }, () => client(port));
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const c of clients) await c.send(request).until(/200 OK/);
  assert.equal(context.overload.connections, 500);
  await Promise.all(clients.map((c) => c.send(request).until(/200 OK.*200 OK/s)));
  assert.ok(app.connections <= 500);
});
