import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Compares text with a golden file. `UPDATE_GOLDENS=1 npm test` (npm run goldens) writes them anew; the diff is then
 * for a person to read. A missing golden fails, so that CI never makes one up.
 */
export const expectGolden = (path: string, actual: string): void => {
  const text = actual.endsWith('\n') ? actual : `${actual}\n`;
  if (process.env.UPDATE_GOLDENS) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return;
  }
  assert.ok(existsSync(path), `no golden ${path}; npm run goldens writes it`);
  assert.equal(text, readFileSync(path, 'utf8'), `differs from ${path}; npm run goldens updates it`);
};

/** JSON in one canonical form: keys sorted, two spaces. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(
    value,
    (_key, v: unknown) =>
      v !== null && typeof v === 'object' && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
        : v,
    2,
  );
