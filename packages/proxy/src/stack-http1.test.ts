// HTTP/1.1 beyond plain requests: what RFC 9112 allows, through a proxy with real sockets.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import { settle } from '@weft/testkit/fake-clock';
import { startListener } from './stack.ts';
import { http1Only } from './testing/client-version.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from './testing/data-path.ts';
import { named, spiffe, TestMesh, tlsConfig } from './testing/identities.ts';
import { TestApp, TestClient, TestPeer } from './testing/peers.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const use = <T extends { close(): unknown }>(thing: T): T => {
  closers.push(() => thing.close());
  return thing;
};

const proxy = async (port: number, over: Parameters<typeof manager>[1] = {}) => {
  const context = new TestContext();
  const cluster = context.addCluster('app', [port]);
  const running = await startListener(listener(manager(table(forwardTo('app')), over)), context);
  closers.push(() => running.close(false));
  const client = (): TestClient => {
    const c = new TestClient(running.port);
    closers.push(() => c.socket.destroy());
    return c;
  };
  return { context, cluster, running, client };
};

const get = (path = '/', headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

/** Answers each request with what `answer` says of its head; a body is not looked at. */
const server = async (answer: (head: string) => string): Promise<TestPeer> =>
  use(await TestPeer.start((socket, bytes) => void socket.write(answer(bytes.toString('latin1')), 'latin1')));

describe('pipelining', () => {
  it('answers in order, however long each takes, and asks one after the other', async () => {
    let open = 0;
    let most = 0;
    const app = use(
      await TestApp.start((request, response) => {
        most = Math.max(most, ++open);
        const turns = 10 - Number(request.url?.slice(1));
        const later = (left: number): void => {
          if (left > 0) setImmediate(later, left - 1);
          else {
            open--;
            response.end(`<${request.url}>`);
          }
        };
        later(turns);
      }),
    );
    const { client } = await proxy(app.port);
    const paths = [...Array(10).keys()].map((i) => `/${i}`);
    const text = await client()
      .send(paths.map((p) => get(p)).join(''))
      .until(/<\/9>$/);
    assert.deepEqual(
      text.match(/<.*?>/g),
      paths.map((p) => `<${p}>`),
    );
    assert.equal(most, 1);
  });

  it('is not gathered: a client that sends without end is not read while it waits', http1Only(), async () => {
    let finish = (): void => {};
    const app = use(await TestApp.start((_, response) => void (finish = () => response.end('done'))));
    const { client } = await proxy(app.port);
    const c = client();
    const many = get('/x').repeat(2000);
    let sent = 0;
    while (!c.socket.writableNeedDrain || app.requests.length === 0 || sent < 8 * 1024 * 1024) {
      c.send(many);
      sent += many.length;
      if (sent > 64 * 1024 * 1024) break;
      await settle();
    }
    for (let i = 0; i < 200; i++) await settle();
    assert.ok(c.socket.writableLength > 0, `all ${sent} bytes were taken`);
    assert.equal(app.requests.length, 1);
    finish();
    await c.until(/done/);
  });

  it(
    'ends with a request that closes, or one that is not understood: what follows is not looked at',
    http1Only(),
    async () => {
      const app = use(await TestApp.start());
      const { client } = await proxy(app.port);
      const closing = await client()
        .send(get('/1') + get('/2', 'Connection: close\r\n') + get('/3'))
        .end();
      assert.equal(closing.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
      const broken = await client()
        .send(`${get('/4')}GET / HTTP/9\r\n\r\n${get('/5')}`)
        .end();
      assert.match(broken, /^HTTP\/1\.1 200 OK\r\n[^]*HTTP\/1\.1 400 Bad Request\r\n[^]*connection: close\r\n/);
      assert.deepEqual(
        app.requests.map((r) => r.url),
        ['/1', '/2', '/4'],
      );
    },
  );
});

describe('an answer of the upstream', () => {
  it('may have informational ones before it, which HTTP/1.0 is spared', http1Only(), async () => {
    const peer = await server(
      () =>
        'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    const { client } = await proxy(peer.port);
    assert.match(
      await client().send(get()).until(/ok$/),
      /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nlink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    const old = await client().send('GET / HTTP/1.0\r\nHost: a\r\n\r\n').end();
    assert.match(old, /^HTTP\/1\.1 200 OK\r\n/);
  });

  for (const [what, request, answer, expected] of [
    ['HEAD keeps length, no body', 'HEAD', '200 OK\r\nContent-Length: 10', /content-length: 10\r\n[^]*\r\n\r\n$/],
    [
      'HEAD keeps chunked out',
      'HEAD',
      '200 OK\r\nTransfer-Encoding: chunked',
      /^(?![^]*transfer-encoding)[^]*\r\n\r\n$/,
    ],
    ['304 keeps its length', 'GET', '304 Not Modified\r\nContent-Length: 10', /content-length: 10\r\n[^]*\r\n\r\n$/],
    ['204 has none', 'GET', '204 No Content', /^(?![^]*(content-length|transfer-encoding))[^]*\r\n\r\n$/],
    ['204 loses a length of 0', 'GET', '204 No Content\r\nContent-Length: 0', /^(?![^]*content-length)[^]*\r\n\r\n$/],
    ['205 with no body', 'GET', '205 Reset Content\r\nContent-Length: 0', /content-length: 0\r\n/],
  ] as const) {
    it(`without a body: ${what}, and the next follows on both connections`, async () => {
      const peer = await server((head) =>
        head.includes('/next') ? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext' : `HTTP/1.1 ${answer}\r\n\r\n`,
      );
      const { client } = await proxy(peer.port);
      const c = client();
      const text = await c.send(`${request} / HTTP/1.1\r\nHost: a\r\n\r\n`).until(/\r\n\r\n/);
      assert.match(text, expected);
      c.received = '';
      await c.send(get('/next')).until(/^HTTP\/1\.1 200 [^]*next$/);
      assert.equal(peer.sockets.length, 1);
    });
  }

  for (const [what, answer] of [
    ['a length on 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello'],
    ['chunks on 204', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a length on 103', 'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
    ['a head over 60 KiB', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['over 100 headers', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(101)}\r\n`],
  ] as const) {
    it(`with ${what} is a 502, and its connection is not used again`, async () => {
      const peer = await server(() => answer);
      const { context, cluster, client } = await proxy(peer.port);
      await client()
        .send(get())
        .until(/^HTTP\/1\.1 502 /);
      assert.equal(context.records[0]!.responseFlags, 'UPE');
      while (cluster.activeConnections > 0) await settle();
    });
  }

  for (const [what, pieces] of [
    ['in one piece', (first: string, second: string) => [first + second]],
    ['a little later', (first: string, second: string) => [first, second]],
  ] as const) {
    it(`that is followed by another one, ${what}, leaves none for the next request`, async () => {
      const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
      const peer = use(
        await TestPeer.start((socket, bytes) => {
          if (bytes.includes('/next')) {
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext');
            return;
          }
          for (const piece of pieces('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst', poison)) socket.write(piece);
        }),
      );
      const { client } = await proxy(peer.port);
      const c = client();
      // The second waits already when the first is answered.
      c.send(get('/first', '') + get('/next'));
      const text = await c.until(/(next|poison)$/);
      if (what === 'in one piece') assert.match(text, /first[^]*next$/);
      c.received = '';
      await c.send(get('/next')).until(/next$/);
    });
  }
});

describe('Expect: 100-continue', () => {
  it('answered with a final status: the body is not waited for, and the connection closes unless it comes', async () => {
    const peer = await server(() => 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno');
    const { client } = await proxy(peer.port);
    const c = client().send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    await c.until(/^HTTP\/1\.1 417 [^]*no$/);
    c.received = '';
    c.send('hello');
    await c.send(get()).until(/417 /);
  });
});

describe('trailers', () => {
  it('pass both ways, those that are a connection’s own do not', async () => {
    const own = 'Host: evil\r\nConnection: x\r\nKeep-Alive: timeout=9\r\n';
    const peer = await server(
      () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n2\r\nok\r\n0\r\nT: down\r\n${own}\r\n`,
    );
    const { client } = await proxy(peer.port);
    const text = await client()
      .send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: up\r\n${own}\r\n`)
      .until(/\r\n0\r\n(.+\r\n)*\r\n$/);
    assert.match(text, /2\r\nok\r\n0\r\nt: down\r\n\r\n$/);
    assert.match(peer.received, /2\r\nhi\r\n0\r\nt: up\r\n\r\n$/);
  });

  it('too many, or too large, are refused', http1Only(), async () => {
    const app = use(await TestApp.start());
    const { client } = await proxy(app.port);
    for (const trailers of ['T: x\r\n'.repeat(101), `T: ${'x'.repeat(70_000)}\r\n`]) {
      await client()
        .send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${trailers}\r\n`)
        .until(/^HTTP\/1\.1 431 /);
    }
    assert.equal(app.requests.length, 0);
  });
});

describe('who closes one half of a connection', () => {
  it('as a client has lost interest, as for Envoy: its request is given up', async () => {
    const peer = await server(() => '');
    const { context, client } = await proxy(peer.port);
    const c = client();
    c.send(get());
    while (peer.sockets.length === 0 || peer.received === '') await settle();
    c.socket.end();
    assert.equal(await c.end(), '');
    while (context.records.length === 0) await settle();
    assert.equal(context.records[0]!.responseFlags, 'DC');
  });

  it('as an upstream has said all: a body without a length ends there, another is broken', async () => {
    const peer = use(
      await TestPeer.start((socket, bytes) =>
        socket.end(`HTTP/1.1 200 OK\r\n${bytes.includes('/short') ? 'Content-Length: 9\r\n' : ''}\r\nall`),
      ),
    );
    const { context, client } = await proxy(peer.port);
    await client()
      .send(get())
      .until(/3\r\nall\r\n0\r\n\r\n$/);
    const short = await client().send(get('/short')).end();
    assert.match(short, /content-length: 9\r\n[^]*all$/);
    assert.equal(context.records[1]!.responseFlags, 'UPE');
  });
});

describe('a WebSocket through two sidecars with mutual TLS', () => {
  /** RFC 6455 section 5.2; `mask` null from a server. Payloads below 64 KiB. */
  const frame = (opcode: number, payload: Buffer, mask: Buffer | null): Buffer => {
    const long = payload.length > 125;
    const head = Buffer.alloc(long ? 4 : 2);
    head[0] = 0x80 | opcode;
    head[1] = (mask ? 0x80 : 0) | (long ? 126 : payload.length);
    if (long) head.writeUInt16BE(payload.length, 2);
    if (mask === null) return Buffer.concat([head, payload]);
    return Buffer.concat([head, mask, payload.map((b, i) => b ^ (mask[i % 4] as number))]);
  };

  /** The whole frames at the start of `bytes`, unmasked, and what is left. */
  const frames = (bytes: Buffer): { list: { opcode: number; payload: Buffer }[]; rest: Buffer } => {
    const list = [];
    for (;;) {
      if (bytes.length < 2) break;
      const masked = ((bytes[1] as number) & 0x80) !== 0;
      const short = (bytes[1] as number) & 0x7f;
      const at = short === 126 ? 4 : 2;
      if (bytes.length < at + (masked ? 4 : 0)) break;
      const length = short === 126 ? bytes.readUInt16BE(2) : short;
      const from = at + (masked ? 4 : 0);
      if (bytes.length < from + length) break;
      const mask = bytes.subarray(at, at + 4);
      const payload = Buffer.from(bytes.subarray(from, from + length));
      list.push({
        opcode: (bytes[0] as number) & 0x0f,
        payload: masked ? payload.map((b, i) => b ^ (mask[i % 4] as number)) : payload,
      });
      bytes = bytes.subarray(from + length);
    }
    return { list: list as { opcode: number; payload: Buffer }[], rest: bytes };
  };

  const acceptOf = (key: string): string =>
    createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

  it('carries frames both ways, and ends with its close', async () => {
    const app = createServer();
    app.on('upgrade', (request, socket, early: Buffer) => {
      const { headers } = request;
      assert.equal(headers['sec-websocket-version'], '13');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
      );
      let held: Buffer = early;
      const take = (bytes: Buffer): void => {
        const { list, rest } = frames(Buffer.concat([held, bytes]));
        held = rest;
        for (const { opcode, payload } of list) {
          socket.write(frame(opcode, payload, null));
          if (opcode === 8) socket.end();
        }
      };
      socket.on('data', take);
      take(Buffer.alloc(0));
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    closers.push(() => app.close());

    const mesh = new TestMesh();
    const b = new TestContext();
    b.tlsStore = mesh.store('b');
    b.addCluster('inbound', [(app.address() as { port: number }).port]);
    const http = manager(table(forwardTo('inbound')), { upgrades: ['websocket'] });
    const inbound = await startListener(
      listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, tlsConfig({ sni: '' }))] }),
      b,
    );
    closers.push(() => inbound.close(false));
    const a = new TestContext();
    a.tlsStore = mesh.store('a');
    a.addCluster('b', [inbound.port], { tls: tlsConfig({ peerSans: [named(spiffe('b'))] }) });
    const outbound = await startListener(listener(manager(table(forwardTo('b')), { upgrades: ['websocket'] })), a);
    closers.push(() => outbound.close(false));

    // Node's own client: it masks, and checks the handshake and each frame.
    const socket = new WebSocket(`ws://127.0.0.1:${outbound.port}/chat`);
    socket.binaryType = 'arraybuffer';
    const got: string[] = [];
    const closed = new Promise<number>((resolve, reject) => {
      socket.onclose = (event) => resolve(event.code);
      socket.onerror = () => reject(new Error('failed'));
    });
    const binary = new Uint8Array(50_000).map((_, i) => i * 7);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => {
        socket.send('hello');
        socket.send('ünïcode');
        socket.send(binary);
      };
      socket.onmessage = ({ data }) => {
        if (typeof data === 'string') got.push(data);
        else {
          assert.deepEqual(new Uint8Array(data as ArrayBuffer), binary);
          resolve();
        }
      };
      socket.onerror = () => reject(new Error('failed'));
    });
    assert.deepEqual(got, ['hello', 'ünïcode']);
    socket.close(1000, 'bye');
    assert.equal(await closed, 1000);
    while (a.records.length === 0 || b.records.length === 0) await settle();
    assert.deepEqual([a.records[0]!.responseCode, b.records[0]!.responseCode], [101, 101]);
    for (const { requestBytes, responseBytes } of [...a.records, ...b.records])
      assert.ok(requestBytes > 50_000 && responseBytes > 50_000);
  });
});
