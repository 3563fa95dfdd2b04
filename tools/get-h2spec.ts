// npm run conformance: builds h2spec, the conformance suite of HTTP/2 servers, into .cache/h2spec and prints the binary's path.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@latest';
const cache = join(import.meta.dirname, '../.cache/h2spec');
const binary = join(cache, 'h2spec');

if (!existsSync(binary)) {
  mkdirSync(cache, { recursive: true });
  const run = spawnSync('go', ['install', MODULE], { encoding: 'utf8', env: { ...process.env, GOBIN: cache } });
  if (run.error) {
    console.error(`h2spec is built with Go, and go cannot be started (${run.error.message}).`);
    console.error(`Install Go, or put an h2spec binary at ${binary}.`);
    process.exit(1);
  }
  if (run.status !== 0) {
    console.error(`go install ${MODULE} failed:\n${run.stderr}`);
    process.exit(1);
  }
}
console.log(binary);
