import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '@weft/base/clock';
import { FakeClock } from '@weft/testkit/fake-clock';
import { CertificateAuthority, createRoot } from './authority.ts';
import { certificateNames, peerSpiffeId } from './certificate.ts';
import { readCsr } from './csr.ts';
import { createKeyAndCsr } from './key-and-csr.ts';
import { fromPem, toPem } from './pem.ts';
import { TrustBundle } from './trust-bundle.ts';

const SPIFFE_ID = 'spiffe://cluster.local/ns/default/sa/reviews';
const HOUR_MS = 3_600_000;
const der = (pem: string): Buffer => fromPem('CERTIFICATE', pem)[0] as Buffer;

test('an issued certificate names the workload and is signed by the root', () => {
  const clock = new FakeClock();
  const root = createRoot({ trustDomain: 'cluster.local', clock });
  const { privateKeyPem, csrPem } = createKeyAndCsr(SPIFFE_ID);
  const csr = readCsr(csrPem);
  assert.deepEqual(csr.names, { uris: [SPIFFE_ID], dnsNames: [], others: 0 });
  const pem = new CertificateAuthority(root, clock).issue({
    spki: csr.spki,
    spiffeId: SPIFFE_ID,
    dnsNames: ['a.b.svc'],
    ttlMs: HOUR_MS,
  });
  const leaf = new X509Certificate(pem);
  const ca = new X509Certificate(root.certificatePem);
  assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
  assert.ok(ca.verify(ca.publicKey) && ca.ca && !leaf.ca);
  assert.equal(leaf.subjectAltName, `URI:${SPIFFE_ID}, DNS:a.b.svc`);
  assert.equal(leaf.validFromDate.getTime(), clock.now() - 60_000);
  assert.equal(leaf.validToDate.getTime(), clock.now() + HOUR_MS);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(leaf.subject, undefined);
  assert.equal(ca.subject, 'O=cluster.local');
  assert.equal(peerSpiffeId(der(pem)), SPIFFE_ID);
  assert.deepEqual(certificateNames(der(pem)).dnsNames, ['a.b.svc']);
  assert.ok(privateKeyPem.startsWith('-----BEGIN PRIVATE KEY-----'));
});

test('a certificate ends with the root at the latest', () => {
  const clock = new FakeClock();
  const authority = new CertificateAuthority(createRoot({ trustDomain: 'td', clock, ttlMs: HOUR_MS }), clock);
  const { spki } = readCsr(createKeyAndCsr(SPIFFE_ID).csrPem);
  const leaf = new X509Certificate(authority.issue({ spki, spiffeId: SPIFFE_ID, ttlMs: 24 * HOUR_MS }));
  assert.equal(leaf.validToDate.getTime(), clock.now() + HOUR_MS);
});

test('dates from 2050 on are written as GeneralizedTime', () => {
  const clock = new FakeClock(Date.UTC(2049, 11, 31));
  const root = createRoot({ trustDomain: 'td', clock });
  assert.equal(new X509Certificate(root.certificatePem).validToDate.getTime(), clock.now() + 3650 * 24 * HOUR_MS);
});

test('a peer with no SPIFFE id, or with two, has none', () => {
  const clock = new FakeClock();
  const root = createRoot({ trustDomain: 'td', clock });
  assert.equal(peerSpiffeId(der(root.certificatePem)), null);
  assert.equal(peerSpiffeId(Buffer.from('nonsense')), null);
});

test('an authority whose key, certificate or time is wrong refuses to start', () => {
  const clock = new FakeClock();
  const one = createRoot({ trustDomain: 'td', clock, ttlMs: HOUR_MS });
  const other = createRoot({ trustDomain: 'td', clock });
  const code = (fn: () => unknown): string => {
    try {
      fn();
      return 'nothing thrown';
    } catch (error) {
      return (error as { kind?: { code: string } }).kind?.code ?? String(error);
    }
  };
  assert.equal(
    code(() => new CertificateAuthority({ ...one, certificatePem: other.certificatePem }, clock)),
    'WEFT0304',
  );
  assert.equal(
    code(() => new CertificateAuthority({ ...one, privateKeyPem: 'garbage' }, clock)),
    'WEFT0304',
  );
  assert.equal(
    code(() => new CertificateAuthority(one, new FakeClock(clock.now() + 2 * HOUR_MS))),
    'WEFT0304',
  );
  const { csrPem, privateKeyPem } = createKeyAndCsr(SPIFFE_ID);
  const leaf = new CertificateAuthority(one, clock).issue({
    spki: readCsr(csrPem).spki,
    spiffeId: SPIFFE_ID,
    ttlMs: HOUR_MS,
  });
  assert.equal(
    code(() => new CertificateAuthority({ privateKeyPem, certificatePem: leaf }, clock)),
    'WEFT0304',
  );
});

test('a bundle verifies what one of its roots signed, within its time', () => {
  const clock = new FakeClock();
  const roots = [createRoot({ trustDomain: 'td', clock }), createRoot({ trustDomain: 'td', clock })] as const;
  const { spki } = readCsr(createKeyAndCsr(SPIFFE_ID).csrPem);
  const leaf = new X509Certificate(
    new CertificateAuthority(roots[1], clock).issue({ spki, spiffeId: SPIFFE_ID, ttlMs: HOUR_MS }),
  );
  const both = new TrustBundle([roots[0].certificatePem + roots[1].certificatePem, roots[0].certificatePem]);
  assert.equal(both.rootsPem.length, 2);
  assert.ok(both.verifies(leaf, clock.now()));
  assert.ok(!both.verifies(leaf, clock.now() + HOUR_MS));
  assert.ok(!both.verifies(leaf, clock.now() - HOUR_MS));
  assert.ok(!new TrustBundle([roots[0].certificatePem]).verifies(leaf, clock.now()));
});

test('a mutual TLS handshake accepts the certificates of one root and refuses those of another', async (t) => {
  const root = createRoot({ trustDomain: 'td', clock: systemClock });
  const authority = new CertificateAuthority(root, systemClock);
  const stranger = new CertificateAuthority(createRoot({ trustDomain: 'td', clock: systemClock }), systemClock);
  const identity = (ca: CertificateAuthority): { key: string; cert: string } => {
    const { privateKeyPem, csrPem } = createKeyAndCsr(SPIFFE_ID);
    return {
      key: privateKeyPem,
      cert: ca.issue({ spki: readCsr(csrPem).spki, spiffeId: SPIFFE_ID, dnsNames: ['server'], ttlMs: HOUR_MS }),
    };
  };
  const server = tls.createServer(
    { ...identity(authority), ca: root.certificatePem, requestCert: true, minVersion: 'TLSv1.3' },
    (socket) => {
      socket.end(peerSpiffeId(socket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0)) ?? 'nobody');
    },
  );
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const connect = async (as: CertificateAuthority): Promise<string> => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: 'server',
      ca: root.certificatePem,
      ...identity(as),
    });
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  };
  assert.equal(await connect(authority), SPIFFE_ID);
  // With TLS 1.3 the client has finished its handshake when the server refuses: an alert, or a bare end.
  assert.equal(await connect(stranger).catch(() => ''), '');
});

test('PEM goes back and forth', () => {
  const bytes = Buffer.from(Array.from({ length: 200 }, (_, i) => i));
  assert.deepEqual(fromPem('X', `text\n${toPem('X', bytes)}${toPem('Y', bytes)}`), [bytes]);
});
