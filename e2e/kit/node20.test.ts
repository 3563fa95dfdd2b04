import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repoRoot } from '@weft/testkit/require';
import { compile, node20, noNode20, scratchFolder } from './nodes.ts';

describe('the kit on Node 20', () => {
  it('keeps each promise that it keeps on the pinned Node', { skip: noNode20 }, async () => {
    const files = globSync('packages/kit/src/*.test.ts', { cwd: repoRoot }).map((file) => join(repoRoot, file));
    assert.ok(files.length >= 8, `${files.length} files`);
    const compiled = await compile(files, scratchFolder());
    const env = { ...process.env };
    // Set for the children of a test run: a runner that finds it reports to its parent.
    delete env.NODE_TEST_CONTEXT;
    const run = spawnSync(node20 as string, ['--test', '--test-reporter=tap', ...compiled], { encoding: 'utf8', env });
    assert.equal(run.status, 0, run.stdout.slice(-8_000));
    const passed = Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1]);
    assert.ok(passed >= 70, `${passed} tests ran`);
    assert.match(run.stdout, /^# skipped 0$/m);
  });
});
