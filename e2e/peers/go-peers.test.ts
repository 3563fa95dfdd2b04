// The control plane against Go: a grpc-go client without a proxy, and go-control-plane's client library.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, describe, it, type TestContext } from 'node:test';
import { systemClock } from '@weft/base/clock';
import { needs, repoRoot } from '@weft/testkit/require';
import { type EchoMesh, PORT, startEchoMesh } from '../grpc/echo-mesh.ts';

const programs = join(repoRoot, '.cache/peers');
const skip = process.env.WEFT_PEERS ? needs('go', 'linux') : 'npm run test:peers runs it';

interface Program {
  /** The next line that it says. */
  next(): Promise<string>;
  tell(line: string): void;
}

const run = (t: TestContext, name: string, args: readonly string[], env: NodeJS.ProcessEnv): Program => {
  const child = spawn(join(programs, name), args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended`);
      return value;
    },
    tell: (line) => void child.stdin.write(`${line}\n`),
  };
};

describe('peers in Go', { skip }, () => {
  before(() => {
    mkdirSync(programs, { recursive: true });
    execFileSync('go', ['build', '-o', `${programs}/`, './...'], {
      cwd: join(import.meta.dirname, 'go'),
      stdio: 'inherit',
    });
  });

  it('a grpc-go client follows the weights of a VirtualService as they change', async (t) => {
    const mesh = await startEchoMesh(t);
    const env = { ...process.env, GRPC_XDS_BOOTSTRAP: mesh.bootstrapPath };
    const client = run(t, 'grpccalls', [`xds:///echo.default.svc.cluster.local:${PORT}`], env);
    const calls = async (n: number): Promise<Record<string, number>> => {
      client.tell(String(n));
      return JSON.parse(await client.next()) as Record<string, number>;
    };
    const until = async (heard: (counts: Record<string, number>) => boolean): Promise<void> => {
      const deadline = Date.now() + 15_000;
      for (let counts = await calls(20); !heard(counts); counts = await calls(20))
        assert.ok(Date.now() < deadline, JSON.stringify(counts) + mesh.said.join('\n'));
    };
    assert.deepEqual(await calls(20), { v1: 20 });
    mesh.route(0, 100);
    await until((counts) => counts.v2 === 20);
    mesh.route(75, 25);
    await until((counts) => (counts.v1 ?? 0) > 0);
    const share = ((await calls(1000)).v2 ?? 0) / 1000;
    // Six standard deviations of 1000 calls at 25 %.
    assert.ok(Math.abs(share - 0.25) < 0.085, `${share} of the calls`);
    assert.ok(!mesh.said.some((line) => line.includes('WEFT0401')), mesh.said.join('\n'));
  });

  it('a grpc-go client calls servers that take nobody without a certificate of the mesh', async (t) => {
    const mesh = await startEchoMesh(t, { mutualTls: true });
    const env = { ...process.env, GRPC_XDS_BOOTSTRAP: mesh.bootstrapPath };
    const client = run(t, 'grpccalls', [`xds:///echo.default.svc.cluster.local:${PORT}`], env);
    client.tell('20');
    assert.equal(await client.next(), '{"v1":20}', mesh.said.join('\n'));
  });

  it('go-control-plane’s client gets what changes, and a response that it refuses is taken apart', async (t) => {
    const mesh = await startEchoMesh(t);
    const unwanted = 'outbound|80||unwanted.default.svc.cluster.local';
    const fetch = run(t, 'xdsfetch', [socketOf(mesh), 'sidecar~127.77.0.9~caller.default~x', unwanted], process.env);
    const names = async (): Promise<string[]> => JSON.parse(await fetch.next()) as string[];
    const first = await names();
    assert.ok(first.includes(`outbound|${PORT}|v1|echo.default.svc.cluster.local`), first.join());
    mesh.save('other.yaml', service('wanted') + service('unwanted'));
    const both = await names();
    assert.deepEqual(
      both.filter((name) => name.includes('wanted.')),
      ['outbound|80||unwanted.default.svc.cluster.local', 'outbound|80||wanted.default.svc.cluster.local'],
    );
    const deadline = Date.now() + 15_000;
    const isSaid = (): boolean => mesh.said.some((line) => line.includes('WEFT0401') && line.includes(unwanted));
    for (; !isSaid(); await systemClock.sleep(20)) assert.ok(Date.now() < deadline, mesh.said.join('\n'));
    const without = await names();
    assert.ok(without.some((name) => name.includes('|wanted.')) && !without.includes(unwanted), without.join());
  });
});

const socketOf = ({ bootstrapPath }: EchoMesh): string => {
  const { xds_servers: servers } = JSON.parse(readFileSync(bootstrapPath, 'utf8')) as {
    xds_servers: { server_uri: string }[];
  };
  return (servers[0]?.server_uri ?? '').replace('unix://', '');
};

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: default }\nspec: { ports: [{ name: http, port: 80 }] }\n---\n`;
