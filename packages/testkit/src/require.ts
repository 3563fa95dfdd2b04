import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const repoRoot = join(import.meta.dirname, '../../..');

/** The folder of seeds and suites beside the checkout; a user's clone has none. */
export const sharedDir = join(repoRoot, '../shared');

export type Need = 'shared' | 'envoy' | 'python' | 'linux' | 'wrk' | 'go' | 'h2spec';

/** Where `npm run envoy` puts the binary, unless WEFT_ENVOY names one. */
export const envoyBinary = (): string | null => {
  if (process.env.WEFT_ENVOY) return existsSync(process.env.WEFT_ENVOY) ? process.env.WEFT_ENVOY : null;
  const cache = join(repoRoot, '.cache/envoy');
  if (!existsSync(cache)) return null;
  const version = readdirSync(cache).sort().at(-1);
  const binary = version && join(cache, version, 'envoy/_bin/envoy');
  return binary && existsSync(binary) ? binary : null;
};

/** Where `npm run conformance` puts it. */
export const h2specBinary = join(repoRoot, '.cache/h2spec/h2spec');

const runs = (command: string, ...args: string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
};

const present: Record<Need, () => boolean> = {
  shared: () => existsSync(join(sharedDir, 'seed-config')),
  envoy: () => envoyBinary() !== null,
  python: () => runs('python3', '--version'),
  linux: () => process.platform === 'linux',
  wrk: () => runs('wrk', '--version'),
  go: () => runs('go', 'version'),
  h2spec: () => existsSync(h2specBinary),
};

const missing: Record<Need, string> = {
  shared: 'needs ../shared (seeds and suites), which is not here',
  envoy: 'needs Envoy; npm run envoy fetches it',
  python: 'needs python3, which is not here',
  linux: 'needs Linux',
  wrk: 'needs wrk, which is not here',
  go: 'needs Go, which is not here',
  h2spec: 'needs h2spec; npm run conformance builds it with Go',
};

/**
 * For node:test's `skip`: false if the need is met, else the reason. `WEFT_REQUIRE=shared,envoy` turns the skip of a
 * listed need into a failure: a skip is not a pass.
 */
export const needs = (...list: Need[]): false | string => {
  const lacking = list.find((need) => !present[need]());
  if (!lacking) return false;
  const required = (process.env.WEFT_REQUIRE ?? '').split(',');
  if (required.includes(lacking) || required.includes('all')) throw new Error(`WEFT_REQUIRE: ${missing[lacking]}`);
  return missing[lacking];
};
