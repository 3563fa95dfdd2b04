import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { WeftError } from '@weft/base/errors';
import { seededRandom } from '@weft/base/random';
import { FakeClock, settle } from '@weft/testkit/fake-clock';
import { CertificateAuthority, createRoot, type IssueRequest } from './authority.ts';
import { readCsr } from './csr.ts';
import { type Credentials, type SignedCertificate, WorkloadIdentity } from './workload-identity.ts';

const SPIFFE_ID = 'spiffe://cluster.local/ns/default/sa/reviews';
const MINUTE_MS = 60_000;
const TTL_MS = 24 * 60 * MINUTE_MS;

/** An identity with an authority that can be told to fail. */
const scene = (over: Partial<IssueRequest> = {}) => {
  const clock = new FakeClock();
  const root = createRoot({ trustDomain: 'cluster.local', clock });
  const authority = new CertificateAuthority(root, clock);
  const state = {
    asked: [] as number[],
    failures: [] as { message: string; retryInMs: number }[],
    answer: (csrPem: string): SignedCertificate => ({
      chain: [authority.issue({ spki: readCsr(csrPem).spki, spiffeId: SPIFFE_ID, ttlMs: TTL_MS, ...over })],
      roots: [root.certificatePem],
    }),
  };
  const identity = new WorkloadIdentity({
    spiffeId: SPIFFE_ID,
    sign: async (csrPem) => {
      state.asked.push(clock.now());
      return state.answer(csrPem);
    },
    clock,
    random: seededRandom(7),
    onFailure: ({ message }, retryInMs) => state.failures.push({ message, retryInMs }),
  });
  const { asked, failures } = state;
  return { clock, asked, failures, state, identity };
};

const away = (): never => {
  throw new Error('away');
};

test('the first certificate comes at start; it is renewed between half and four fifths of its life, with a new key', async () => {
  const { identity, clock, asked } = scene();
  const first = await identity.start();
  const rotated: Credentials[] = [];
  identity.onRotated((c) => rotated.push(c));
  await clock.advance(TTL_MS / 2 - MINUTE_MS);
  assert.equal(asked.length, 1);
  await clock.advance(TTL_MS * 0.3 + 2 * MINUTE_MS);
  assert.equal(asked.length, 2);
  assert.equal(rotated.length, 1);
  assert.equal(identity.current, rotated[0]);
  assert.notEqual(identity.current?.serialNumber, first.serialNumber);
  assert.notEqual(identity.current?.privateKeyPem, first.privateKeyPem);
  identity.stop();
  assert.equal(clock.pending, 0);
});

test('while the authority is away, start tries again and again', async () => {
  const { identity, clock, state, failures } = scene();
  const answer = state.answer;
  state.answer = away;
  const starting = identity.start();
  await clock.advance(30_000);
  assert.ok(failures.length > 3);
  assert.ok(failures.every((f) => f.message === 'away' && f.retryInMs <= 15_000));
  state.answer = answer;
  await clock.advance(15_000);
  assert.equal((await starting).spiffeId, SPIFFE_ID);
});

test('what the authority refuses ends start', async () => {
  const { identity, state } = scene();
  state.answer = () => {
    throw new WeftError('unprovenCaller', 'no');
  };
  await assert.rejects(identity.start(), { name: 'WeftError', message: 'no' });
  assert.equal(identity.current, null);
});

test('a renewal that fails is tried again; the old certificate stays', async () => {
  const { identity, clock, state, failures } = scene();
  const first = await identity.start();
  const answer = state.answer;
  state.answer = () => {
    throw new WeftError('unprovenCaller', 'not now');
  };
  await clock.advance(TTL_MS * 0.9);
  assert.ok(failures.length > 0);
  assert.equal(identity.current, first);
  state.answer = answer;
  await clock.advance(MINUTE_MS);
  assert.notEqual(identity.current, first);
  identity.stop();
});

test('a clock that jumps forward, as after sleep, is noticed within a minute', async () => {
  const { identity, clock, asked } = scene();
  await identity.start();
  clock.jump(TTL_MS * 0.9);
  await clock.advance(MINUTE_MS);
  assert.equal(asked.length, 2);
  identity.stop();
});

test('a clock set back to before the certificate is valid means a new one', async () => {
  const { identity, clock, asked, state } = scene();
  await identity.start();
  clock.jump(-60 * MINUTE_MS);
  state.answer = away;
  await clock.advance(MINUTE_MS);
  assert.ok(asked.length >= 2);
  identity.stop();
});

test('stop ends a start that waits', async () => {
  const { identity, state, clock } = scene();
  state.answer = away;
  const starting = identity.start();
  await settle();
  identity.stop();
  await assert.rejects(starting, /was stopped/);
  assert.equal(clock.pending, 0);
});

test('a certificate for another, or under another root, is not taken', async () => {
  const other = scene({ spiffeId: 'spiffe://cluster.local/ns/default/sa/ratings' });
  await assert.rejects(other.identity.start(), { message: /certified spiffe:.*ratings instead of/ });
  const foreign = scene();
  const answer = foreign.state.answer;
  foreign.state.answer = (csr) => ({
    ...answer(csr),
    roots: [createRoot({ trustDomain: 'cluster.local', clock: foreign.clock }).certificatePem],
  });
  await assert.rejects(foreign.identity.start(), { message: /not valid under its own roots/ });
  const stale = scene();
  const old = stale.state.answer;
  let first: SignedCertificate | undefined;
  stale.state.answer = (csr) => (first ??= old(csr));
  await stale.identity.start();
  const again = new WorkloadIdentity({
    spiffeId: SPIFFE_ID,
    sign: async () => first as SignedCertificate,
    clock: stale.clock,
    random: seededRandom(1),
  });
  await assert.rejects(again.start(), { message: /certified another key/ });
  stale.identity.stop();
});

test('the key does not show where credentials are printed', async () => {
  const { identity } = scene();
  const credentials = await identity.start();
  assert.match(credentials.privateKeyPem, /PRIVATE KEY/);
  const shown = [
    inspect(credentials, { depth: 9, showHidden: true }),
    JSON.stringify(credentials),
    JSON.stringify(Object.entries(credentials)),
    inspect(identity, { depth: 9 }),
  ];
  for (const text of shown) assert.doesNotMatch(text, /PRIVATE KEY/);
  identity.stop();
});
