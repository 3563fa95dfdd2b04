import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { type Page, servePages, text } from './admin-server.ts';
import { isLoopback, parseHostPort } from './host-port.ts';

const start = async (t: TestContext, pages: Record<string, Page>): Promise<number> => {
  const server = await servePages('127.0.0.1:0', 'admin', pages);
  t.after(() => server.close());
  return server.port;
};

const ask = (port: number, method: string, path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });

test('pages answer to their own method, the list to all who ask', async (t) => {
  const port = await start(t, {
    '/show': { method: 'GET', help: 'shows', answer: (query) => text(`${query.get('a')}\n`) },
    '/act': { method: 'POST', help: 'acts', answer: () => text('OK\n') },
  });
  assert.deepEqual(await ask(port, 'GET', '/show?a=1'), { status: 200, body: '1\n' });
  assert.deepEqual(await ask(port, 'HEAD', '/show?a=1'), { status: 200, body: '' });
  assert.deepEqual(await ask(port, 'POST', '/act'), { status: 200, body: 'OK\n' });
  assert.equal((await ask(port, 'GET', '/act')).status, 405);
  assert.equal((await ask(port, 'POST', '/show')).status, 405);
  assert.equal((await ask(port, 'GET', '/toString')).status, 404);
  assert.match((await ask(port, 'GET', '/help')).body, /\/act \(POST\): acts/);
  assert.match((await ask(port, 'GET', '/')).body, /<a href="\/show">\/show<\/a>.*\/act \(POST\)<\/td><td>acts/s);
});

test('a browser on a stranger’s page is kept out: other names, other origins', async (t) => {
  let acted = 0;
  const port = await start(t, {
    '/act': {
      method: 'POST',
      help: 'acts',
      answer: () => {
        acted++;
        return text('OK\n');
      },
    },
  });
  assert.equal((await ask(port, 'POST', '/act', { origin: 'https://evil.example' })).status, 403);
  assert.equal((await ask(port, 'POST', '/act', { host: `rebound.evil.example:${port}` })).status, 403);
  assert.equal((await ask(port, 'POST', '/act', { host: `localhost:${port}` })).status, 200);
  assert.equal(acted, 1);
});

test('a page that fails says so and the others go on', async (t) => {
  const port = await start(t, {
    '/bad': {
      method: 'GET',
      help: '',
      answer: () => {
        throw new Error('no such thing');
      },
    },
  });
  assert.deepEqual(await ask(port, 'GET', '/bad'), { status: 500, body: 'no such thing\n' });
});

test('an address that others can reach, a malformed one and one in use are refused', async (t) => {
  const port = await start(t, {});
  await assert.rejects(
    servePages('0.0.0.0:15000', 'admin', {}),
    /admin address 0.0.0.0:15000 is not a loopback address/,
  );
  await assert.rejects(servePages('127.0.0.1', 'health', {}), /health address "127.0.0.1" is not HOST:PORT/);
  await assert.rejects(servePages(`127.0.0.1:${port}`, 'admin', {}), /EADDRINUSE.*another process listens there/);
});

test('addresses are read with and without brackets; loopback is 127/8, ::1 and localhost', () => {
  assert.deepEqual(parseHostPort('[::1]:80', 'x'), { host: '::1', port: 80 });
  assert.deepEqual(parseHostPort('127.1.2.3:15000', 'x'), { host: '127.1.2.3', port: 15000 });
  for (const bad of ['', ':80', 'a:', 'a:99999', '::1:80', 'a:8x']) assert.throws(() => parseHostPort(bad, 'x'), bad);
  assert.deepEqual(
    ['127.9.9.9', '::1', 'localhost', '10.0.0.1', '127.evil.example', 'localhost.evil.example', ''].map(isLoopback),
    [true, true, true, false, false, false, false],
  );
});
