import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Agent, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { GracefulShutdown, type ShutdownOptions, shutDownOnSignals } from './graceful-shutdown.ts';
import { Health } from './health.ts';
import { ask, deferred, listen } from './testing/servers.ts';

/** A server that answers `/held` when told, anything else at once. */
const holding = async (options: ShutdownOptions = {}) => {
  const clock = new FakeClock();
  const health = new Health();
  health.markReady();
  const held = deferred<ServerResponse>();
  const { server, url } = await listen((request, response) => {
    if (request.url === '/held') held.resolve(response);
    else response.end('served');
  });
  const shutdown = new GracefulShutdown(server, { health, clock, ...options });
  return { clock, health, held: held.promise, server, url, shutdown };
};

describe('graceful shutdown', () => {
  it('says not ready at once and goes on serving for a pause of 5 s, asking callers to leave', async () => {
    const { clock, health, server, url, shutdown } = await holding();
    const stopped = shutdown.stop();
    assert.equal(health.life, 'stopping');
    await clock.advance(4_999);
    const answer = await ask(url, { agent: new Agent({ keepAlive: true }) });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.connection, 'close');
    assert.equal(server.listening, true);
    await clock.advance(1);
    assert.equal(server.listening, false);
    await assert.rejects(ask(url), { code: 'ECONNREFUSED' });
    assert.equal(await stopped, true);
    assert.equal(clock.pending, 0);
  });

  it('waits no longer than until the probe has seen it', async () => {
    const { clock, health, server, shutdown } = await holding({ drainProbes: 2 });
    const probe = (): void => void health.handle({ url: '/readyz' }, { writeHead() {}, end() {} } as never);
    const stopped = shutdown.stop();
    probe();
    await settle();
    assert.equal(server.listening, true);
    probe();
    await settle();
    assert.equal(server.listening, false);
    assert.equal(await stopped, true);
    assert.equal(clock.pending, 0);
  });

  it('finishes what is in flight before it closes what is behind it', async () => {
    let closed = false;
    const { held, url, shutdown } = await holding({ drainPauseMs: 0, onClose: () => void (closed = true) });
    const inFlight = ask(`${url}/held`, { agent: new Agent({ keepAlive: true }) });
    const response = await held;
    const stopped = shutdown.stop();
    await settle();
    assert.equal(closed, false);
    response.end('late');
    const answer = await inFlight;
    assert.equal(answer.body, 'late');
    assert.equal(answer.headers.connection, 'close');
    assert.equal(await stopped, true);
    assert.equal(closed, true);
  });

  it('does not wait for a kept connection whose answer was half sent when it began', async () => {
    const { held, url, shutdown } = await holding({ drainPauseMs: 0 });
    const agent = new Agent({ keepAlive: true });
    const inFlight = ask(`${url}/held`, { agent });
    const response = await held;
    response.write('first ');
    const stopped = shutdown.stop();
    await settle();
    response.end('second');
    assert.equal((await inFlight).body, 'first second');
    assert.equal(await stopped, true);
    agent.destroy();
  });

  it('does not wait for connections that nobody uses, used before or not', async () => {
    const { server, url, shutdown } = await holding({ drainPauseMs: 0 });
    const agent = new Agent({ keepAlive: true });
    await ask(url, { agent });
    const fresh = connect(Number(new URL(url).port), '127.0.0.1');
    await once(server, 'connection');
    assert.equal(await shutdown.stop(), true);
    fresh.destroy();
    agent.destroy();
  });

  it('cuts what is left at its deadline, and says so', async () => {
    let closed = false;
    const { clock, held, url, shutdown } = await holding({
      drainPauseMs: 100,
      deadlineMs: 500,
      onClose: () => void (closed = true),
    });
    const cut = assert.rejects(ask(`${url}/held`), /hang up|ECONNRESET/);
    await held;
    const stopped = shutdown.stop();
    await clock.advance(499);
    assert.equal(closed, false);
    await clock.advance(1);
    assert.equal(await stopped, false);
    await cut;
    assert.equal(closed, true);
  });

  it('does not let the pause outlast the deadline', async () => {
    const { clock, server, shutdown } = await holding({ deadlineMs: 500 });
    const stopped = shutdown.stop();
    await clock.advance(500);
    assert.equal(await stopped, false);
    assert.equal(server.listening, false);
  });

  it('is one ending, however often it is told', async () => {
    let closes = 0;
    const { shutdown } = await holding({ drainPauseMs: 0, onClose: () => void closes++ });
    assert.deepEqual(await Promise.all([shutdown.stop(), shutdown.stop()]), [true, true]);
    assert.equal(closes, 1);
  });
});

describe('signals', () => {
  const signalled = async (options: ShutdownOptions) => {
    const { clock, shutdown } = await holding(options);
    const process = new EventEmitter();
    const exits: number[] = [];
    const told: string[] = [];
    shutDownOnSignals(shutdown, {
      exit: (code) => void exits.push(code),
      tell: (m) => void told.push(m),
      signals: process,
    });
    return { clock, process, exits, told };
  };

  it('end the process with 0 when everything is finished, after the pause', async () => {
    const { clock, process, exits } = await signalled({ drainPauseMs: 1_000 });
    process.emit('SIGTERM');
    await clock.advance(999);
    assert.deepEqual(exits, []);
    await clock.advance(1);
    assert.deepEqual(exits, [0]);
  });

  it('end it at once when there are two', async () => {
    const { clock, process, exits, told } = await signalled({});
    process.emit('SIGTERM');
    await clock.advance(1);
    process.emit('SIGTERM');
    assert.deepEqual(exits, [1]);
    assert.match(told.join(), /again/);
  });

  it('have no pause when a person sends them', async () => {
    const { process, exits } = await signalled({});
    process.emit('SIGINT');
    await settle();
    await settle();
    assert.deepEqual(exits, [0]);
  });

  it('end it with 1 when closing fails', async () => {
    const { process, exits, told } = await signalled({
      onClose: () => Promise.reject(new Error('disk full')),
      drainPauseMs: 0,
    });
    process.emit('SIGTERM');
    await settle();
    await settle();
    assert.deepEqual(exits, [1]);
    assert.match(told.join(), /disk full/);
  });
});
