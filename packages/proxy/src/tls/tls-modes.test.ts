import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext as Test } from 'node:test';
import { connect, type ConnectionOptions, createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { FakeClock } from '@weft/testkit/fake-clock';
import { StringMatcher } from '@weft/traffic/string-matcher';
import {
  type CertificateConfig,
  type RootsConfig,
  SubjectAltName,
  type TlsContextConfig,
} from '@weft/traffic/tls-config';
import { startListener } from '../stack.ts';
import { chain, forwardTo, listener, manager, table, TestContext } from '../testing/data-path.ts';
import { type Certified, ForeignCa } from '../testing/foreign-ca.ts';
import { TestMesh, tlsConfig } from '../testing/identities.ts';
import { TestApp, TestClient } from '../testing/peers.ts';
import { WorkloadTlsStore } from '../tls-store.ts';

const text = (pem: string) => ({ kind: 'text', text: pem }) as const;
const shows = ({ cert, key }: Certified): CertificateConfig => ({ kind: 'data', chain: text(cert), key: text(key) });
const trusts = (ca: ForeignCa): RootsConfig => ({ kind: 'data', data: text(ca.pem) });
const dns = (name: string): SubjectAltName => new SubjectAltName('dns', new StringMatcher('exact', name, false, null));

const simple = (over: Partial<TlsContextConfig>): TlsContextConfig =>
  tlsConfig({ certificates: [], roots: null, requireClientCertificate: false, alpn: [], sni: '', ...over });

/** A listener that ends TLS of the world outside, and the application behind it. */
const gateway = async (t: Test, tls: TlsContextConfig, clock?: FakeClock) => {
  const app = await TestApp.start();
  t.after(() => app.close());
  const context = new TestContext(clock);
  const store = new WorkloadTlsStore('cluster.local', null, clock);
  store.use(new TestMesh().credentials('gateway'));
  context.tlsStore = store;
  context.addCluster('app', [app.port]);
  const http = manager(table(forwardTo('app')), { forwardClientCert: 'sanitize_set' });
  const config = listener(http, { direction: 'inbound', inspectTls: true, filterChains: [chain(http, tls)] });
  const running = await startListener(config, context);
  t.after(() => running.close(false));
  const ask = async (options: ConnectionOptions): Promise<{ answer: string; socket: TLSSocket }> => {
    const socket = connect({ port: running.port, host: '127.0.0.1', ...options });
    t.after(() => socket.destroy());
    const client = new TestClient(0, socket);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    return { answer: (await client.end()).slice(0, 12), socket };
  };
  return { app, context, ask };
};

const OK = 'HTTP/1.1 200';

describe('a listener that ends TLS', () => {
  it('SIMPLE: shows the certificate of the name that is asked for, and asks for none', async (t) => {
    const ca = new ForeignCa();
    const certificates = [
      shows(ca.issue('first', ['first.example.com'])),
      shows(ca.issue('wild', ['*.example.com'])),
      shows(ca.issue('exact', ['exact.example.com'])),
    ];
    const { ask } = await gateway(t, simple({ certificates }));
    const shown = async (servername: string): Promise<string | undefined> => {
      const { answer, socket } = await ask({ ca: ca.pem, servername, checkServerIdentity: () => undefined });
      assert.equal(answer, OK);
      return /DNS:[^,]+/.exec(socket.getPeerX509Certificate()?.subjectAltName ?? '')?.[0];
    };
    assert.equal(await shown('exact.example.com'), 'DNS:exact.example.com');
    assert.equal(await shown('EXACT.example.com'), 'DNS:exact.example.com');
    assert.equal(await shown('other.example.com'), 'DNS:*.example.com');
    assert.equal(await shown('elsewhere.org'), 'DNS:first.example.com');
    assert.equal(await shown(''), 'DNS:first.example.com');
  });

  it('MUTUAL: takes who its roots vouch for, and nobody else', async (t) => {
    const ca = new ForeignCa();
    const tls = simple({
      certificates: [shows(ca.issue('server'))],
      roots: trusts(ca),
      requireClientCertificate: true,
    });
    const { app, ask } = await gateway(t, tls);
    const peer = { ca: ca.pem, checkServerIdentity: () => undefined };
    const goes = async (as?: Certified) => (await ask({ ...peer, ...as })).answer;
    assert.equal(await goes(ca.issue('friend')), OK);
    assert.match(
      String(app.requests[0]?.headers['x-forwarded-client-cert']),
      /URI=spiffe:\/\/example\.com\/ns\/default\/sa\/friend$/,
    );
    assert.equal(await goes(), '', 'without a certificate');
    assert.equal(await goes(new ForeignCa().issue('friend')), '', 'of another authority');
    assert.equal(await goes(ca.issue('friend', [], 0)), '', 'expired');
    assert.equal(app.requests.length, 1);
  });

  it('MUTUAL: roots other than the mesh’s never vouch for one of its workloads', async (t) => {
    const ca = new ForeignCa('cluster.local');
    const tls = simple({
      certificates: [shows(ca.issue('server'))],
      roots: trusts(ca),
      requireClientCertificate: true,
    });
    const { app, ask } = await gateway(t, tls);
    const { answer } = await ask({ ca: ca.pem, checkServerIdentity: () => undefined, ...ca.issue('frontend') });
    assert.equal(answer, '');
    assert.equal(app.requests.length, 0);
  });

  it('OPTIONAL_MUTUAL: a certificate may be left out, but none may be wrong', async (t) => {
    const ca = new ForeignCa();
    const { ask } = await gateway(t, simple({ certificates: [shows(ca.issue('server'))], roots: trusts(ca) }));
    const peer = { ca: ca.pem, checkServerIdentity: () => undefined };
    assert.equal((await ask(peer)).answer, OK);
    assert.equal((await ask({ ...peer, ...ca.issue('friend') })).answer, OK);
    assert.equal((await ask({ ...peer, ...new ForeignCa().issue('friend') })).answer, '');
  });

  it('speaks the versions and ciphers that it is told', async (t) => {
    const ca = new ForeignCa();
    const certificates = [shows(ca.issue('server'))];
    const peer = { ca: ca.pem, checkServerIdentity: () => undefined };
    const modern = await gateway(t, simple({ certificates, minVersion: 'TLSv1.3' }));
    assert.equal((await modern.ask({ ...peer, maxVersion: 'TLSv1.2' })).answer, '');
    assert.equal((await modern.ask(peer)).socket.getProtocol(), 'TLSv1.3');
    const cipher = 'ECDHE-ECDSA-AES256-GCM-SHA384';
    const old = await gateway(t, simple({ certificates, maxVersion: 'TLSv1.2', ciphers: [cipher] }));
    const { answer, socket } = await old.ask(peer);
    assert.deepEqual([answer, socket.getProtocol(), socket.getCipher().name], [OK, 'TLSv1.2', cipher]);
    assert.equal((await old.ask({ ...peer, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).answer, '');
  });

  it('takes a certificate that was replaced in its file for the next connection', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-tls-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const ca = new ForeignCa();
    const write = ({ cert, key }: Certified): void => {
      for (const [name, content] of [
        ['tls.crt', cert],
        ['tls.key', key],
      ] as const) {
        writeFileSync(join(dir, `new-${name}`), content, { mode: 0o600 });
        renameSync(join(dir, `new-${name}`), join(dir, name));
      }
    };
    write(ca.issue('one', ['one.example.com']));
    const file = (name: string) => ({ kind: 'file', path: join(dir, name) }) as const;
    const clock = new FakeClock();
    const certificates = [{ kind: 'data' as const, chain: file('tls.crt'), key: file('tls.key') }];
    const { ask } = await gateway(t, simple({ certificates }), clock);
    const shown = async (): Promise<string> => {
      const { socket } = await ask({ ca: ca.pem, checkServerIdentity: () => undefined });
      return /DNS:([^,]+)/.exec(socket.getPeerX509Certificate()?.subjectAltName ?? '')?.[1] ?? '';
    };
    assert.equal(await shown(), 'one.example.com');
    write(ca.issue('two', ['two.example.com']));
    await clock.advance(1100);
    assert.equal(await shown(), 'two.example.com');
    rmSync(join(dir, 'tls.key'));
    await clock.advance(1100);
    assert.equal(await shown(), 'two.example.com', 'what is gone is not what was never there');
  });

  it('without its files, or with what is no certificate, lets nobody in', async (t) => {
    const bad: CertificateConfig[] = [
      { kind: 'data', chain: { kind: 'file', path: '/nowhere' }, key: { kind: 'file', path: '/nowhere' } },
      { kind: 'data', chain: text('nonsense'), key: text('nonsense') },
      { kind: 'data', chain: text(new ForeignCa().issue('a').cert), key: text(new ForeignCa().issue('b').key) },
    ];
    for (const certificate of bad) {
      const { ask } = await gateway(t, simple({ certificates: [certificate] }));
      assert.equal((await ask({ rejectUnauthorized: false })).answer, '');
    }
  });
});

/** A TLS server of the world outside, and the sidecar that speaks TLS to it for its application. */
const outside = async (t: Test, server: TlsOptions, tls: TlsContextConfig) => {
  const heard: { servername: unknown; client: string }[] = [];
  const listening = createServer(server, (socket) => {
    socket.on('error', () => {});
    const client = socket.getPeerX509Certificate()?.subjectAltName ?? '';
    heard.push({ servername: (socket as unknown as { servername: unknown }).servername, client });
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
  });
  listening.on('tlsClientError', () => {});
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => listening.close());
  const context = new TestContext();
  context.tlsStore = new TestMesh().store('a');
  context.addCluster('outside', [(listening.address() as AddressInfo).port], { tls });
  const running = await startListener(listener(manager(table(forwardTo('outside')))), context);
  t.after(() => running.close(false));
  const ask = async (): Promise<string> => {
    const client = new TestClient(running.port);
    t.after(() => client.socket.destroy());
    return (await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').until(/\r\n\r\n/)).slice(0, 12);
  };
  return { heard, ask, context };
};

describe('TLS to a server outside the mesh', () => {
  it('SIMPLE: asks for its name, and takes only who its roots vouch for under that name', async (t) => {
    const ca = new ForeignCa();
    const server = ca.issue('api', ['*.example.com']);
    const to = (over: Partial<TlsContextConfig>) =>
      outside(t, server, simple({ roots: trusts(ca), sni: 'api.example.com', ...over }));
    const good = await to({ peerSans: [dns('api.example.com')] });
    assert.equal(await good.ask(), OK);
    assert.deepEqual(good.heard, [{ servername: 'api.example.com', client: '' }]);
    const otherName = await to({ peerSans: [dns('api.example.org')] });
    assert.equal(await otherName.ask(), 'HTTP/1.1 503');
    assert.equal(otherName.context.records[0]?.responseFlags, 'UF');
    assert.equal(await (await to({ roots: trusts(new ForeignCa()) })).ask(), 'HTTP/1.1 503');
    const system = await to({ roots: { kind: 'secret', name: 'file-root:system' } });
    assert.equal(await system.ask(), 'HTTP/1.1 503', 'no authority of the operating system vouches for it');
    assert.equal(await (await to({ roots: null })).ask(), OK, 'any server will do where that is said');
  });

  it('MUTUAL: shows its certificate', async (t) => {
    const ca = new ForeignCa();
    const options = { ...ca.issue('api'), ca: ca.pem, requestCert: true };
    const shown = await outside(
      t,
      options,
      simple({ roots: trusts(ca), certificates: [shows(ca.issue('me', ['me.example.com']))] }),
    );
    assert.equal(await shown.ask(), OK);
    assert.match(shown.heard[0]?.client ?? '', /DNS:me\.example\.com/);
    const mute = await outside(t, options, simple({ roots: trusts(ca) }));
    assert.match(await mute.ask(), /^HTTP\/1\.1 503/);
  });
});
