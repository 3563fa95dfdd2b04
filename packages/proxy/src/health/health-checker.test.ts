import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { FakeClock } from '@weft/testkit/fake-clock';
import type { HealthCheckConfig } from '@weft/traffic/health-check/health-check-config';
import type { CheckResult } from '@weft/traffic/health-check/host-health';
import { LiveClusters } from '../cluster-manager.ts';
import type { Cluster } from '../context.ts';
import { clusterConfig } from '../testing/data-path.ts';
import { checks } from '../testing/health-checks.ts';

/** Hosts answer as `answers` says by port; one that says nothing answers never. */
const start = (ports: number[], over: Partial<HealthCheckConfig> = {}) => {
  const clock = new FakeClock();
  const answers = new Map<number, CheckResult>();
  const asked: number[] = [];
  let givenUp = 0;
  const clusters = new LiveClusters(seededRandom(1), clock, undefined, (host, _config, _name, done) => {
    asked.push(host.port);
    const answer = answers.get(host.port);
    if (answer !== undefined) done(answer);
    return () => {
      if (answer === undefined) givenUp++;
    };
  });
  const apply = (of: number[], check: HealthCheckConfig | null = checks(over)): void =>
    clusters.apply(new Map([['a', clusterConfig('a', of, { healthCheck: check })]]));
  const cluster = (): Cluster => clusters.live.get('a') ?? assert.fail('the cluster is not live');
  const picked = (): number[] => [...new Set([1, 2, 3, 4].map(() => cluster().pick(null)?.port ?? 0))].sort();
  return { clock, answers, asked, apply, cluster, picked, givenUp: () => givenUp, ports };
};

test('hosts are checked before any request, and only those that are well are picked', () => {
  const { answers, apply, picked, asked, cluster } = start([1, 2]);
  answers.set(1, 'success').set(2, 'network');
  apply([1, 2]);
  assert.deepEqual(asked, [1, 2]);
  assert.deepEqual(picked(), [1]);
  const { healthy, attempt, success, failure, network_failure } = cluster().stats.health;
  assert.deepEqual(
    { healthy, attempt, success, failure, network_failure },
    {
      healthy: 1,
      attempt: 2,
      success: 1,
      failure: 1,
      network_failure: 1,
    },
  );
});

test('a host that stops answering is out after the threshold, and back when it answers again', async () => {
  const { answers, apply, picked, clock, givenUp } = start([]);
  answers.set(1, 'success').set(2, 'success');
  apply([1, 2]);
  answers.delete(2);
  await clock.advance(5000 + 1000);
  assert.deepEqual([picked(), givenUp()], [[1, 2], 1], 'one failure does not count');
  await clock.advance(5000 + 1000);
  assert.deepEqual([picked(), givenUp()], [[1], 2]);
  answers.set(2, 'success');
  await clock.advance(5000);
  assert.deepEqual(picked(), [1]);
  await clock.advance(5000);
  assert.deepEqual(picked(), [1, 2]);
});

test('hosts that come are checked, those that go are not any more, nor any without the setting', async () => {
  const { answers, apply, asked, clock, cluster, picked } = start([]);
  answers.set(1, 'success').set(2, 'success').set(3, 'failure');
  apply([1]);
  apply([2, 3]);
  assert.deepEqual(asked, [1, 2, 3]);
  await clock.advance(5000);
  assert.deepEqual(asked, [1, 2, 3, 2, 3]);
  assert.equal(cluster().stats.health.healthy, 1);
  apply([2, 3], null);
  assert.deepEqual(picked(), [2, 3]);
  assert.equal(clock.pending, 0);
});

test('a new setting begins anew, an equal one does not', () => {
  const { answers, apply, asked, ports } = start([]);
  answers.set(1, 'success');
  apply([1]);
  apply([1], checks());
  assert.deepEqual(asked, [1]);
  apply([1], checks({ intervalMs: 7000 }));
  assert.deepEqual(asked, [1, 1]);
  assert.deepEqual(ports, []);
});
