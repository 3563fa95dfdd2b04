import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '@weft/testkit/fake-clock';
import fc from 'fast-check';
import { TimerWheel, WheelTimer } from './timer-wheel.ts';

describe('a timer wheel', () => {
  it('fires no timer early, each at most a tick late, and none that was disarmed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            timer: fc.nat(7),
            delayMs: fc.oneof(fc.nat(100), fc.nat(60_000)),
            disarm: fc.boolean(),
            wait: fc.oneof(fc.nat(50), fc.nat(20_000)),
          }),
          { maxLength: 40 },
        ),
        async (steps) => {
          const clock = new FakeClock();
          const wheel = new TimerWheel(clock, 10);
          const due = new Map<number, number>();
          const timers = Array.from(
            { length: 8 },
            (_, i) =>
              new WheelTimer(
                {
                  onTimer() {
                    const at = due.get(i);
                    assert.ok(at !== undefined, 'it was armed');
                    assert.ok(clock.monotonic() >= at, `${clock.monotonic()} is before ${at}`);
                    assert.ok(clock.monotonic() <= at + 11, `${clock.monotonic()} is long after ${at}`);
                    due.delete(i);
                  },
                },
                String(i),
              ),
          );
          for (const step of steps) {
            const timer = timers[step.timer]!;
            if (step.disarm) {
              wheel.disarm(timer);
              due.delete(step.timer);
            } else {
              wheel.arm(timer, step.delayMs, clock.monotonic());
              due.set(step.timer, clock.monotonic() + step.delayMs);
            }
            await clock.advance(step.wait);
          }
          await clock.advance(70_000);
          assert.equal(due.size, 0, 'every armed timer fired');
          assert.equal(clock.pending, 0, 'an empty wheel does not wake');
        },
      ),
      { numRuns: 30 },
    );
  });
});
