// CPU of one mutual TLS 1.3 handshake with one request, X25519 and P-256 certificates: full, against a bare TLS server of
// Node's (which shares our OpenSSL), and resumed, against Envoy.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { type BenchCertificate, certificateFor } from './lib/certificates.ts';
import { startBenchMesh, startUpstream, type Subject } from './lib/mesh.ts';
import { cpuUs, memoryMb, start, until } from './lib/process.ts';
import { type Figures, type PairedRow, pairedRow } from './lib/report.ts';
import type { BenchOptions } from './run.ts';

const CONTROL_PLANE = '127.201.12.1';
const WEB = '127.201.12.12';
const BARE = '127.201.12.13';
const WEB_PORT = 9876;
const HANDSHAKES = 1500;
const AT_ONCE = 8;

export const tlsHandshakes = async ({ pairs }: BenchOptions): Promise<PairedRow[]> => {
  const upstream = await startUpstream('127.0.0.1', WEB_PORT);
  const mesh = await startBenchMesh(
    [join(import.meta.dirname, 'mesh/tcp.yaml')],
    [{ name: 'web', ip: WEB, appPort: WEB_PORT, sidecar: true }],
    CONTROL_PLANE,
  );
  const client = certificateFor(mesh.stateDir, 'client');
  const full: Record<'weft' | 'node', Figures[]> = { weft: [], node: [] };
  const resumed: Record<Subject, Figures[]> = { weft: [], envoy: [], 'envoy-tuned': [] };
  const sidecar = async (subject: Subject, resume: boolean): Promise<Figures> => {
    const running = await mesh.sidecars(subject, ['web']);
    try {
      return await measureHandshakes(running.pids, WEB, client, resume);
    } finally {
      await running.stop();
    }
  };
  try {
    for (let pair = 0; pair < pairs; pair++) {
      full.weft.push(await sidecar('weft', false));
      full.node.push(await bareServer(certificateFor(mesh.stateDir, 'web'), client));
      for (const subject of ['weft', 'envoy', 'envoy-tuned'] as const)
        resumed[subject].push(await sidecar(subject, true));
    }
  } finally {
    await mesh.stop();
    await upstream.stop();
  }
  const { weft, ...envoys } = resumed;
  return [
    pairedRow('tls-handshakes full, against Node', 'handshake', full.weft, { node: full.node }, 'cpu ≤ 1.1'),
    pairedRow('tls-handshakes resumed', 'handshake', weft, envoys, 'cpu ≤ 1.2'),
  ];
};

const bareServer = async ({ cert, key, ca }: BenchCertificate, client: BenchCertificate): Promise<Figures> => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-bench-tls-'));
  for (const [name, pem] of Object.entries({ 'cert.pem': cert, 'key.pem': key, 'ca.pem': ca }))
    writeFileSync(join(dir, name), pem, { mode: 0o600 });
  const running = start(0, process.execPath, [join(import.meta.dirname, 'tcp/tls-server.ts'), BARE, '8080', dir]);
  try {
    return await measureHandshakes([running.pid], BARE, client, false);
  } finally {
    await running.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};

const measureHandshakes = async (
  pids: readonly number[],
  address: string,
  { cert, key, ca }: BenchCertificate,
  resume: boolean,
): Promise<Figures> => {
  const context = createSecureContext({ cert, key, ca, ecdhCurve: 'X25519' });
  // Each worker resumes its own.
  const sessions = new Map<number, Buffer | undefined>();
  const one = async (worker: number): Promise<boolean> => {
    const seen = await handshake(address, context, resume ? sessions.get(worker) : undefined);
    sessions.set(worker, seen.session ?? sessions.get(worker));
    return seen.reused;
  };
  await until('the server', () =>
    one(0).then(
      () => true,
      () => false,
    ),
  );
  const many = async (count: number): Promise<number> => {
    let left = count;
    let reused = 0;
    const worker = async (_: unknown, name: number): Promise<void> => {
      while (left-- > 0) {
        const again = await one(name);
        if (again) reused++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return reused;
  };
  await many(HANDSHAKES / 5); // warm up
  const before = cpuUs(pids);
  const reused = await many(HANDSHAKES);
  const cpuUsPerUnit = (cpuUs(pids) - before) / HANDSHAKES;
  const expected = resume ? HANDSHAKES : 0;
  if (reused !== expected) throw new Error(`process ${pids.join()}: ${reused} of ${HANDSHAKES} were resumed`);
  const { rss, pss } = memoryMb(pids);
  return { cpuUsPerUnit, rssMb: rss, pssMb: pss, p50Ms: Number.NaN, p99Ms: Number.NaN };
};

/** One connection with one request; rejects unless the answer is there. */
const handshake = (
  host: string,
  secureContext: SecureContext,
  session: Buffer | undefined,
): Promise<{ session: Buffer | undefined; reused: boolean }> =>
  new Promise((resolve, reject) => {
    let text = '';
    let next: Buffer | undefined;
    let reused = false;
    const socket = connect({
      host,
      port: 8080,
      secureContext,
      ALPNProtocols: ['istio-http/1.1', 'istio', 'http/1.1'],
      checkServerIdentity: () => undefined,
      ...(session && { session }),
    });
    socket.on('session', (ticket: Buffer) => (next = ticket));
    socket.once('secureConnect', () => {
      reused = socket.isSessionReused();
      socket.write('GET / HTTP/1.1\r\nhost: web:8080\r\nconnection: close\r\n\r\n');
    });
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => {
      if (text.startsWith('HTTP/1.1 200')) resolve({ session: next, reused });
      else reject(new Error(`the answer was ${JSON.stringify(text.slice(0, 40))}`));
    });
  });
