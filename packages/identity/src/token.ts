import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';

/**
 * One-use bootstrap tokens: how a workload that has no certificate yet proves who it is. Whoever starts the workload
 * writes its claims into a directory that only the control plane's user can read, and hands the token to the workload
 * in a 0600 file. The directory holds no token, only SHA-256 of each as the file's name.
 */
export interface TokenClaims {
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** Makes a token for the claims in `directory` (`STATE/tokens`, made 0700 if missing). */
export const mintToken = (directory: string, claims: TokenClaims): string => {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `.${randomUUID()}`);
  writeFileSync(draft, JSON.stringify(claims), { mode: 0o600, flag: 'wx' });
  renameSync(draft, join(directory, fileName(token)));
  return token;
};

/**
 * Spends a token and returns its claims. Two claims of one token race on a rename, which one of them wins. Refused
 * (WeftError `unprovenCaller`): unknown, used, expired, malformed.
 */
export const claimToken = (directory: string, token: string, clock: Clock): TokenClaims => {
  // Checked first, as the token of a stranger must not become a path.
  if (!TOKEN.test(token)) throw new WeftError('unprovenCaller', 'the bootstrap token is malformed');
  const claimed = join(directory, `.${randomUUID()}`);
  try {
    renameSync(join(directory, fileName(token)), claimed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new WeftError('unprovenCaller', 'the bootstrap token is unknown or was used before');
  }
  const text = readFileSync(claimed, 'utf8');
  rmSync(claimed);
  const claims = parseClaims(text);
  if (claims.expiresAt <= clock.now()) throw new WeftError('unprovenCaller', 'the bootstrap token has expired');
  return claims;
};

/** Removes expired tokens, and what an interrupted run left half done. */
export const sweepTokens = (directory: string, clock: Clock): void => {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    try {
      if (parseClaims(readFileSync(join(directory, name), 'utf8')).expiresAt <= clock.now())
        rmSync(join(directory, name));
    } catch {
      // Claimed meanwhile, or unreadable: refused when claimed.
    }
  }
};

const fileName = (token: string): string => createHash('sha256').update(token).digest('hex');

const parseClaims = (text: string): TokenClaims => {
  const claims = JSON.parse(text) as TokenClaims;
  const { namespace, pod, serviceAccount, expiresAt } = claims;
  if (
    ![namespace, pod, serviceAccount].every((s) => typeof s === 'string' && s !== '') ||
    typeof expiresAt !== 'number'
  ) {
    throw new WeftError('unprovenCaller', "the bootstrap token's claims are malformed");
  }
  return { namespace, pod, serviceAccount, expiresAt };
};
