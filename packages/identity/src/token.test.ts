import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import { claimToken, mintToken, sweepTokens } from './token.ts';

const directory = (t: TestContext): string => {
  const parent = mkdtempSync(join(tmpdir(), 'weft-token-'));
  t.after(() => rmSync(parent, { recursive: true }));
  return join(parent, 'tokens');
};
const claims = (clock: FakeClock) => ({
  namespace: 'default',
  pod: 'reviews-0',
  serviceAccount: 'reviews',
  expiresAt: clock.now() + 1000,
});

test('a token is good once', (t) => {
  const at = directory(t);
  const clock = new FakeClock();
  const token = mintToken(at, claims(clock));
  assert.deepEqual(claimToken(at, token, clock), claims(clock));
  assert.throws(() => claimToken(at, token, clock), { name: 'WeftError', message: /unknown or was used/ });
  assert.deepEqual(readdirSync(at), []);
});

test('the directory is private and does not hold the token', (t) => {
  const at = directory(t);
  const token = mintToken(at, claims(new FakeClock()));
  const [name] = readdirSync(at);
  const file = join(at, name as string);
  assert.equal(statSync(at).mode & 0o777, 0o700);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!`${file}${readFileSync(file, 'utf8')}`.includes(token));
});

test('an expired token is refused, and gone', async (t) => {
  const at = directory(t);
  const clock = new FakeClock();
  const token = mintToken(at, claims(clock));
  await clock.advance(1000);
  assert.throws(() => claimToken(at, token, clock), { message: /expired/ });
  assert.deepEqual(readdirSync(at), []);
});

test('what is not a token never becomes a path', (t) => {
  const at = directory(t);
  const clock = new FakeClock();
  for (const token of ['', '../x', 'a'.repeat(42), 'a'.repeat(44), `${'a'.repeat(42)}/`, `${'a'.repeat(42)}\0`]) {
    assert.throws(() => claimToken(at, token, clock), { message: /malformed/ });
  }
  assert.throws(() => claimToken(at, 'a'.repeat(43), clock), { message: /unknown/ });
});

test('sweeping removes expired tokens and keeps the others', async (t) => {
  const at = directory(t);
  const clock = new FakeClock();
  sweepTokens(at, clock);
  mintToken(at, claims(clock));
  const later = mintToken(at, { ...claims(clock), expiresAt: clock.now() + 9000 });
  await clock.advance(1000);
  sweepTokens(at, clock);
  assert.equal(readdirSync(at).length, 1);
  assert.equal(claimToken(at, later, clock).pod, 'reviews-0');
});
