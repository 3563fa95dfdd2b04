// Preloaded into each test file (`npm test`): a file ends when its tests have, also where a failed one left a socket or a
// process open. Else one failure holds up the whole run, and `--test-force-exit` loses results that are still in the pipe.
import { after } from 'node:test';

const GRACE_MS = 5000;
/** Of a whole file; the slowest takes a minute. */
const DEADLINE_MS = 300_000;

const endAfter = (delayMs: number, why: string, code?: number): void => {
  const end = (): void => {
    process.stderr.write(`${why}; still open: ${process.getActiveResourcesInfo().join(', ')}\n`);
    process.exit(code);
  };
  setTimeout(end, delayMs).unref();
};

// Not in the runner itself, which loads this too.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  endAfter(DEADLINE_MS, `not over after ${DEADLINE_MS / 1000} s`, 1);
  after(() => endAfter(GRACE_MS, 'the tests are over'));
}
