import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import fc from 'fast-check';
import { compileOutlierDetection } from '../compile/outlier-detection.ts';
import type { HostMonitor } from './host-monitor.ts';
import type { OutlierDetectionConfig } from './outlier-config.ts';
import { OutlierDetector, type OutlierStats } from './outlier-detector.ts';

const noStats = (): OutlierStats => ({
  ejections_active: 0,
  ejections_enforced_total: 0,
  ejections_overflow: 0,
  ejections_enforced_consecutive_5xx: 0,
  ejections_detected_consecutive_5xx: 0,
  ejections_enforced_consecutive_gateway_failure: 0,
  ejections_detected_consecutive_gateway_failure: 0,
  ejections_enforced_consecutive_local_origin_failure: 0,
  ejections_detected_consecutive_local_origin_failure: 0,
  ejections_enforced_success_rate: 0,
  ejections_detected_success_rate: 0,
  ejections_enforced_local_origin_success_rate: 0,
  ejections_detected_local_origin_success_rate: 0,
  ejections_enforced_failure_percentage: 0,
  ejections_detected_failure_percentage: 0,
  ejections_enforced_local_origin_failure_percentage: 0,
  ejections_detected_local_origin_failure_percentage: 0,
});

/** Without a share that may be out, unless a case is about it. */
const configOf = (over: Parameters<typeof compileOutlierDetection>[0] = {}): OutlierDetectionConfig =>
  compileOutlierDetection({ maxEjectionPercent: 100, ...over }, '');

const setUp = (over: Parameters<typeof compileOutlierDetection>[0] = {}, hosts = 3) => {
  const clock = new FakeClock();
  const stats = noStats();
  let changes = 0;
  const detector = new OutlierDetector(configOf(over), stats, clock, seededRandom(1), () => {
    changes++;
  });
  const monitors = Array.from({ length: hosts }, () => detector.add()) as [HostMonitor, HostMonitor, HostMonitor];
  return { clock, stats, detector, monitors, changes: () => changes };
};

const answer = (monitor: HostMonitor, status: number, times = 1): void => {
  for (let i = 0; i < times; i++) monitor.responded(status);
};

describe('consecutive failures', () => {
  it('eject at the fifth 5xx in a row, and a success in between begins anew', () => {
    const { monitors, stats, changes } = setUp();
    const [host] = monitors;
    answer(host, 500, 4);
    answer(host, 404);
    answer(host, 500, 4);
    assert.equal(host.ejected, false);
    answer(host, 500);
    assert.equal(host.ejected, true);
    assert.equal(changes(), 1);
    assert.equal(stats.ejections_active, 1);
    assert.equal(stats.ejections_enforced_consecutive_5xx, 1);
    assert.equal(stats.ejections_enforced_total, 1);
  });

  it('of the gateway kind are detected by default and enforced where asked for', () => {
    const detectedOnly = setUp({ consecutiveGatewayFailure: 2 });
    answer(detectedOnly.monitors[0], 503, 2);
    assert.equal(detectedOnly.monitors[0].ejected, false);
    assert.equal(detectedOnly.stats.ejections_detected_consecutive_gateway_failure, 1);
    const enforced = setUp({ consecutiveGatewayFailure: 2, enforcingConsecutiveGatewayFailure: 100 });
    answer(enforced.monitors[0], 502);
    answer(enforced.monitors[0], 500);
    answer(enforced.monitors[0], 504);
    assert.equal(enforced.monitors[0].ejected, false, 'a 500 is no gateway failure');
    answer(enforced.monitors[0], 503);
    assert.equal(enforced.monitors[0].ejected, true);
  });

  it('to connect count as 503, timeouts as 504, unless split off', () => {
    const together = setUp({ consecutive5xx: 3 });
    together.monitors[0].failed('connect');
    together.monitors[0].connected(false);
    together.monitors[0].failed('timeout');
    answer(together.monitors[0], 500);
    assert.equal(together.monitors[0].ejected, true, 'that TCP connects is no success of HTTP');
    const split = setUp({ consecutive5xx: 3, consecutiveLocalOriginFailure: 2, splitExternalLocalOriginErrors: true });
    const [host, other] = split.monitors;
    host.failed('connect');
    host.connected(false);
    host.failed('timeout');
    answer(host, 500, 2);
    assert.equal(host.ejected, false);
    host.failed('connect');
    assert.equal(host.ejected, true);
    assert.equal(split.stats.ejections_enforced_consecutive_local_origin_failure, 1);
    answer(other, 500, 3);
    assert.equal(other.ejected, true);
  });

  it('of a TCP connection that is made are none', () => {
    const { monitors } = setUp({ consecutive5xx: 2 });
    monitors[0].failed('connect');
    monitors[0].connected(true);
    monitors[0].failed('connect');
    assert.equal(monitors[0].ejected, false);
  });
});

describe('an ejected host', () => {
  it('comes back at the interval after its time, which grows with each ejection and shrinks again', async () => {
    const { clock, monitors, stats } = setUp({ interval: '1s', baseEjectionTime: '3s' });
    const [host] = monitors;
    const outFor = async (): Promise<number> => {
      answer(host, 500, 5);
      assert.equal(host.ejected, true);
      let seconds = 0;
      for (; host.ejected; seconds++) await clock.advance(1000);
      return seconds;
    };
    assert.equal(await outFor(), 3);
    assert.equal(await outFor(), 6);
    assert.equal(await outFor(), 9);
    assert.equal(stats.ejections_active, 0);
    await clock.advance(2000);
    assert.equal(await outFor(), 6, 'two quiet intervals take back two of the three');
  });

  it('stays no longer than the maximum', async () => {
    const { clock, monitors } = setUp({ interval: '1s', baseEjectionTime: '10s', maxEjectionTime: '15s' });
    for (let i = 0; i < 5; i++) {
      answer(monitors[0], 500, 5);
      await clock.advance(15_000);
      assert.equal(monitors[0].ejected, false);
    }
  });

  it('is not ejected twice, and what it still answers does not count after its return', async () => {
    const { clock, monitors, stats } = setUp({ interval: '1s', baseEjectionTime: '1s' });
    answer(monitors[0], 500, 14);
    assert.equal(stats.ejections_enforced_total, 1);
    await clock.advance(1000);
    answer(monitors[0], 500, 4);
    assert.equal(monitors[0].ejected, false);
  });

  it('that leaves is no longer counted as out', () => {
    const { detector, monitors, stats } = setUp();
    answer(monitors[0], 500, 5);
    detector.remove(monitors[0]);
    assert.equal(stats.ejections_active, 0);
  });
});

describe('the share of hosts that may be out', () => {
  it('is never exceeded; by default one of three is too much', () => {
    const none = setUp({ maxEjectionPercent: 10 });
    answer(none.monitors[0], 500, 5);
    assert.equal(none.monitors[0].ejected, false);
    assert.equal(none.stats.ejections_overflow, 1);
    const half = setUp({ maxEjectionPercent: 50 });
    answer(half.monitors[0], 500, 5);
    answer(half.monitors[1], 500, 5);
    assert.deepEqual(
      half.monitors.map((m) => m.ejected),
      [true, false, false],
    );
  });

  it('may be one host always', () => {
    const { monitors } = setUp({ maxEjectionPercent: 10, alwaysEjectOneHost: true });
    answer(monitors[0], 500, 5);
    answer(monitors[1], 500, 5);
    assert.deepEqual(
      monitors.map((m) => m.ejected),
      [true, false, false],
    );
  });
});

describe('rates, judged at the end of an interval', () => {
  const rates = {
    interval: '1s',
    consecutive5xx: 1000,
    successRateRequestVolume: 10,
    failurePercentageRequestVolume: 10,
  };

  const give = (monitor: HostMonitor, good: number, bad: number): void => {
    answer(monitor, 500, bad);
    answer(monitor, 200, good);
  };

  it('eject a host whose success rate is far below the others’', async () => {
    const { clock, monitors, stats } = setUp(rates, 6);
    monitors.forEach((monitor, i) => give(monitor, i === 0 ? 50 : 99, i === 0 ? 50 : 1));
    assert.equal(monitors[0].ejected, false);
    await clock.advance(1000);
    assert.deepEqual(
      monitors.map((m) => m.ejected),
      [true, false, false, false, false, false],
    );
    assert.equal(stats.ejections_enforced_success_rate, 1);
  });

  it('need enough hosts with enough requests', async () => {
    const few = setUp(rates, 4);
    few.monitors.forEach((monitor, i) => give(monitor, i === 0 ? 0 : 100, i === 0 ? 100 : 0));
    await few.clock.advance(1000);
    assert.equal(few.stats.ejections_detected_success_rate, 0);
    const quiet = setUp(rates, 6);
    quiet.monitors.forEach((monitor, i) => give(monitor, i === 0 ? 0 : 9, i === 0 ? 9 : 0));
    await quiet.clock.advance(1000);
    assert.equal(quiet.stats.ejections_detected_success_rate, 0);
  });

  it('eject at a percentage of failures where that is enforced', async () => {
    const { clock, monitors, stats } = setUp(
      { ...rates, enforcingSuccessRate: 0, enforcingFailurePercentage: 100, failurePercentageThreshold: 60 },
      5,
    );
    monitors.forEach((monitor, i) => give(monitor, i < 2 ? 39 : 50, i < 2 ? 61 : 50));
    await clock.advance(1000);
    assert.deepEqual(
      monitors.map((m) => m.ejected),
      [true, true, false, false, false],
    );
    assert.equal(stats.ejections_enforced_failure_percentage, 2);
  });
});

it('new settings hold for hosts that are out, and a detector that is closed lets all in', async () => {
  const { clock, detector, monitors, stats } = setUp({ interval: '1s', baseEjectionTime: '100s' });
  answer(monitors[0], 500, 5);
  answer(monitors[1], 500, 5);
  detector.update(configOf({ interval: '2s', baseEjectionTime: '2s' }));
  await clock.advance(2000);
  assert.equal(monitors[0].ejected, false);
  answer(monitors[1], 500, 5);
  detector.close();
  assert.equal(monitors[1].ejected, false);
  assert.equal(stats.ejections_active, 0);
  assert.equal(clock.pending, 0);
});

it('whatever happens, the gauge is the number of hosts out, within the share, and all return when nothing fails', async () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('answer' as const), host: fc.nat(9), status: fc.constantFrom(200, 404, 500, 503) }),
    fc.record({ kind: fc.constant('fail' as const), host: fc.nat(9) }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ kind: fc.constant('leave' as const), host: fc.nat(9) }),
  );
  const settings = fc.record({
    consecutive5xx: fc.integer({ min: 1, max: 4 }),
    maxEjectionPercent: fc.integer({ min: 0, max: 100 }),
    splitExternalLocalOriginErrors: fc.boolean(),
    successRateMinimumHosts: fc.integer({ min: 1, max: 5 }),
    successRateRequestVolume: fc.integer({ min: 1, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(settings, fc.array(event, { maxLength: 120 }), async (config, events) => {
      const { clock, detector, monitors, stats } = setUp({ ...config, interval: '1s', baseEjectionTime: '2s' }, 10);
      const all: HostMonitor[] = [...monitors];
      const out = (): number => all.filter((m) => m.ejected).length;
      for (const e of events) {
        const before = out();
        const host = e.kind === 'time' ? undefined : all[e.host];
        if (e.kind === 'time') await clock.advance(e.ms);
        else if (host === undefined) continue;
        else if (e.kind === 'answer') host.responded(e.status);
        else if (e.kind === 'fail') host.failed('connect');
        else if (all.length > 1) {
          detector.remove(host);
          all.splice(e.host, 1);
        }
        assert.equal(stats.ejections_active, out());
        if (out() > before) assert.ok((100 * out()) / all.length <= config.maxEjectionPercent);
        assert.ok(stats.ejections_enforced_total >= out());
      }
      await clock.advance(400_000);
      assert.equal(out(), 0);
      assert.ok(all.every((m) => m.multiplier === 0));
      detector.close();
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 200 },
  );
});
