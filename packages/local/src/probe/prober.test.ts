import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Probe } from '@weft/model/mesh';
import { FakeClock } from '@weft/testkit/fake-clock';
import { checkTarget } from './check.ts';
import { watchProbes } from './prober.ts';

const probe = (overrides: Partial<Probe> = {}): Probe => ({
  action: { kind: 'tcp', port: 1 },
  initialDelaySeconds: 0,
  periodSeconds: 10,
  timeoutSeconds: 1,
  failureThreshold: 3,
  successThreshold: 1,
  ...overrides,
});

const watch = (probes: Parameters<typeof watchProbes>[0]) => {
  const clock = new FakeClock();
  const answers = new Map<Probe, string>();
  const events: string[] = [];
  let asked = 0;
  const { stop, hurry } = watchProbes(
    probes,
    async (p) => {
      asked++;
      return answers.get(p) ?? 'down';
    },
    clock,
    (event, why) => events.push(why ? `${event}: ${why}` : event),
  );
  return { clock, answers, events, stop, hurry, asked: () => asked };
};

describe('probes', () => {
  it('are tried often until the first success, then once per period', async () => {
    const readiness = probe();
    const { clock, answers, events, asked, stop } = watch({ readiness });
    await clock.advance(1000);
    assert.deepEqual(events, []);
    assert.ok(asked() >= 5);
    answers.set(readiness, '');
    await clock.advance(300);
    assert.deepEqual(events, ['ready']);
    const before = asked();
    await clock.advance(20_000);
    assert.equal(asked() - before, 2);
    stop();
    assert.equal(clock.pending, 0);
  });

  it('are hurried while it ends, so that it learns soon that it has been seen', async () => {
    const readiness = probe();
    const { clock, answers, asked, stop, hurry } = watch({ readiness });
    answers.set(readiness, '');
    await clock.advance(300);
    const before = asked();
    hurry();
    await clock.advance(1000);
    assert.equal(asked() - before, 11);
    stop();
    assert.equal(clock.pending, 0);
  });

  it('take a container out after as many failures as the threshold says, and back in again', async () => {
    const readiness = probe({ periodSeconds: 1, successThreshold: 2 });
    const { clock, answers, events, stop } = watch({ readiness });
    answers.set(readiness, '');
    await clock.advance(1000);
    answers.set(readiness, 'refused');
    await clock.advance(2000);
    assert.deepEqual(events, ['ready']);
    await clock.advance(1000);
    assert.deepEqual(events, ['ready', 'unready: readiness probe: refused']);
    answers.set(readiness, '');
    await clock.advance(2000);
    assert.equal(events.at(-1), 'ready');
    stop();
  });

  it('of liveness give up on a container; without readiness it is ready at once', async () => {
    const liveness = probe({ periodSeconds: 1, initialDelaySeconds: 2 });
    const { clock, events } = watch({ liveness });
    await clock.advance(1999);
    assert.deepEqual(events, ['ready']);
    await clock.advance(2001);
    assert.deepEqual(events, ['ready', 'unhealthy: liveness probe: down']);
    assert.equal(clock.pending, 0, 'it is not asked any more');
  });

  it('of startup hold the others back, and give up in the end', async () => {
    const startup = probe({ periodSeconds: 1 });
    const readiness = probe();
    const slow = watch({ startup, readiness });
    slow.answers.set(readiness, '');
    await slow.clock.advance(2000);
    assert.deepEqual(slow.events, []);
    slow.answers.set(startup, '');
    await slow.clock.advance(300);
    assert.deepEqual(slow.events, ['ready']);
    slow.stop();
    const never = watch({ startup });
    await never.clock.advance(4000);
    assert.deepEqual(never.events, ['unhealthy: startup probe: down']);
  });

  it('say nothing any more once they are stopped', async () => {
    const readiness = probe();
    const { clock, answers, events, stop } = watch({ readiness });
    await clock.advance(10);
    answers.set(readiness, '');
    stop();
    await clock.advance(10_000);
    assert.deepEqual(events, []);
  });
});

describe('a probe carried out', () => {
  const target = (port: number) => ({
    host: '127.0.0.1',
    port: () => port,
    cwd: '/',
    env: { PATH: '/bin:/usr/bin', X: 'yes' },
  });
  const attempt = (port: number, action: Probe['action'], timeoutSeconds = 1): Promise<string> =>
    checkTarget(target(port))(probe({ action, timeoutSeconds }), new AbortController().signal);
  const http = { kind: 'http', path: '/ready', port: 1, headers: [{ name: 'x-probe', value: 'yes' }] } as const;

  it('over HTTP takes 200 to 399, with the headers it is given', async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.headers['x-probe'] === 'yes' && request.url === '/ready' ? status : 400).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let status = 204;
    assert.equal(await attempt(port, http), '');
    status = 503;
    assert.equal(await attempt(port, http), '/ready answers 503');
    assert.equal(await attempt(port, { kind: 'tcp', port: 1 }), '');
    server.close();
    await once(server, 'close');
    assert.equal(await attempt(port, http), 'ECONNREFUSED');
    assert.equal(await attempt(port, { kind: 'tcp', port: 1 }), 'ECONNREFUSED');
  });

  it('runs a command in the container’s environment', async () => {
    assert.equal(await attempt(1, { kind: 'exec', command: ['sh', '-c', 'test "$X" = yes'] }), '');
    assert.match(await attempt(1, { kind: 'exec', command: ['sh', '-c', 'exit 3'] }), /failed/i);
    assert.match(await attempt(1, { kind: 'exec', command: ['no-such-program'] }), /ENOENT/);
  });

  it('asks a gRPC server whether it serves', async () => {
    const statuses: Record<string, number> = { '': 1, down: 2 };
    const server = createHttp2Server();
    server.on('stream', (stream: ServerHttp2Stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const status = statuses[Buffer.concat(chunks).subarray(7).toString()];
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status === undefined ? '5' : '0' }));
        stream.end(status === undefined ? undefined : Buffer.of(0, 0, 0, 0, 2, 8, status));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const grpc = (service: string): Promise<string> => attempt(port, { kind: 'grpc', port: 1, service });
    assert.equal(await grpc(''), '');
    assert.equal(await grpc('down'), 'the service is not serving (2)');
    assert.equal(await grpc('unknown'), 'grpc-status 5');
    server.close();
  });
});
