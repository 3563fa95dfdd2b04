import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import { compileOutlierDetection } from '@weft/traffic/compile/outlier-detection';
import type { ClusterConfig } from '@weft/traffic/runtime-config';
import { FakeClock } from '@weft/testkit/fake-clock';
import fc from 'fast-check';
import { LiveClusters } from './cluster-manager.ts';
import type { Cluster, Host } from './context.ts';
import { clusterConfig, endpoint } from './testing/data-path.ts';
import { tlsConfig } from './testing/identities.ts';

const configs = (...all: ClusterConfig[]): Map<string, ClusterConfig> => new Map(all.map((c) => [c.name, c]));

const start = (...all: ClusterConfig[]) => {
  const clock = new FakeClock();
  const clusters = new LiveClusters(seededRandom(1), clock);
  const removed: string[] = [];
  clusters.onHostRemoved((cluster, host) => removed.push(`${cluster.name} ${host.port}`));
  clusters.apply(configs(...all));
  return { clusters, removed, clock };
};

const get = (clusters: LiveClusters, name: string): Cluster => {
  const cluster = clusters.get(name);
  assert.ok(cluster);
  return cluster;
};

test('a cluster that is not configured is null', () => {
  const { clusters } = start(clusterConfig('a', [1]));
  assert.equal(clusters.get('b'), null);
});

test('clusters and hosts keep their identity and counters when the configuration is replaced', () => {
  const { clusters, removed } = start(clusterConfig('a', [1, 2]));
  const cluster = get(clusters, 'a');
  const [first] = cluster.hosts as [Host, Host];
  first.active = 3;
  cluster.activeRequests = 4;
  clusters.apply(configs(clusterConfig('a', [2, 1, 3], { connectTimeoutMs: 5 })));
  assert.equal(get(clusters, 'a'), cluster);
  assert.equal(cluster.config.connectTimeoutMs, 5);
  assert.equal(cluster.activeRequests, 4);
  assert.deepEqual(
    cluster.hosts.map((h) => [h.port, h.active]),
    [
      [2, 0],
      [1, 3],
      [3, 0],
    ],
  );
  assert.deepEqual(removed, []);
});

test('a host that leaves is marked and told of, and never picked again', () => {
  const { clusters, removed } = start(clusterConfig('a', [1, 2]));
  const cluster = get(clusters, 'a');
  const gone = cluster.hosts[0] as Host;
  clusters.apply(configs(clusterConfig('a', [2])));
  assert.deepEqual(removed, ['a 1']);
  assert.ok(gone.removed);
  for (let i = 0; i < 10; i++) assert.equal(cluster.pick(null)?.port, 2);
});

test('a cluster that leaves loses its hosts; one that comes back is a new one', () => {
  const { clusters, removed } = start(clusterConfig('a', [1]));
  const before = get(clusters, 'a');
  clusters.apply(configs());
  assert.equal(clusters.get('a'), null);
  assert.equal(before.pick(null), null);
  assert.deepEqual(removed, ['a 1']);
  clusters.apply(configs(clusterConfig('a', [1])));
  assert.notEqual(get(clusters, 'a'), before);
});

test('unhealthy hosts are not picked, also when no other is left', () => {
  const sick = { ...endpoint(1), healthy: false };
  const { clusters } = start(clusterConfig('a', [sick, endpoint(2)]));
  const cluster = get(clusters, 'a');
  for (let i = 0; i < 10; i++) assert.equal(cluster.pick(null)?.port, 2);
  clusters.apply(configs(clusterConfig('a', [sick])));
  assert.equal(cluster.pick(null), null);
});

test('what to speak to a host is the first match of its labels, else what the cluster says', () => {
  const mtls = tlsConfig();
  const other = tlsConfig({ sni: 'other' });
  const labelled = { ...endpoint(1), transportSocketLabels: { tlsMode: 'istio' } };
  const matches: ClusterConfig['tlsMatches'] = [
    { labels: { tlsMode: 'istio', more: 'x' }, tls: other },
    { labels: { tlsMode: 'istio' }, tls: mtls },
  ];
  const { clusters } = start(clusterConfig('a', [labelled, endpoint(2)], { tls: other, tlsMatches: matches }));
  assert.deepEqual(
    get(clusters, 'a').hosts.map((h) => h.tls),
    [mtls, other],
  );
  clusters.apply(
    configs(clusterConfig('a', [labelled, endpoint(2)], { tlsMatches: [...matches, { labels: {}, tls: null }] })),
  );
  assert.deepEqual(
    get(clusters, 'a').hosts.map((h) => h.tls),
    [mtls, null],
  );
});

test('whatever the order of configurations, hosts are those of the last one and each departure is told once', () => {
  const ports = fc.uniqueArray(fc.integer({ min: 1, max: 6 }));
  fc.assert(
    fc.property(fc.array(ports, { minLength: 1, maxLength: 8 }), (steps) => {
      const { clusters, removed } = start(clusterConfig('a', []));
      const cluster = get(clusters, 'a');
      let present: number[] = [];
      const expected: string[] = [];
      for (const step of steps) {
        clusters.apply(configs(clusterConfig('a', step)));
        for (const port of present) if (!step.includes(port)) expected.push(`a ${port}`);
        present = step;
        assert.deepEqual(
          cluster.hosts.map((h) => h.port),
          step,
        );
        const picked = cluster.pick(null);
        assert.equal(picked === null, step.length === 0);
        if (picked) assert.ok(step.includes(picked.port) && !picked.removed);
      }
      assert.deepEqual(removed, expected);
    }),
  );
});

const eject = (host: Host): void => {
  for (let i = 0; i < 5; i++) host.outlier?.responded(500);
};

const detection = compileOutlierDetection({ maxEjectionPercent: 100, interval: '1s', baseEjectionTime: '3s' }, '');

test('an ejected host is not picked until it returns, whatever configuration comes meanwhile', async () => {
  const { clusters, clock } = start(clusterConfig('a', [1, 2], { outlierDetection: detection }));
  const cluster = get(clusters, 'a');
  eject(cluster.hosts[0] as Host);
  const picks = (): number[] => [...new Set([1, 2, 3, 4].map(() => cluster.pick(null)?.port ?? 0))].sort();
  assert.deepEqual(picks(), [2]);
  clusters.apply(configs(clusterConfig('a', [2, 1, 3], { outlierDetection: { ...detection }, connectTimeoutMs: 7 })));
  assert.deepEqual(picks(), [2, 3]);
  assert.equal(cluster.stats.outlier_detection.ejections_active, 1);
  await clock.advance(3000);
  assert.deepEqual(picks(), [1, 2, 3]);
  assert.equal(cluster.stats.outlier_detection.ejections_active, 0);
});

test('without outlier detection nobody is told; taken out of the configuration it lets all in', async () => {
  const { clusters, clock } = start(clusterConfig('a', [1], { outlierDetection: detection }));
  const cluster = get(clusters, 'a');
  eject(cluster.hosts[0] as Host);
  assert.equal(cluster.pick(null), null);
  clusters.apply(configs(clusterConfig('a', [1])));
  assert.equal(cluster.pick(null)?.port, 1);
  assert.equal(cluster.hosts[0]?.outlier, null);
  clusters.apply(new Map());
  assert.equal(clock.pending, 0);
});

test('below the panic threshold all hosts are used, healthy or not', () => {
  const ill = (port: number) => ({ ...endpoint(port), healthy: false });
  const { clusters } = start(
    clusterConfig('panic', [1, ill(2), ill(3)], { panicThreshold: 50 }),
    clusterConfig('enough', [1, 2, ill(3), ill(4)], { panicThreshold: 50 }),
    clusterConfig('never', [ill(1)], { panicThreshold: 0 }),
  );
  const ports = (name: string): number[] =>
    [...new Set(Array.from({ length: 12 }, () => get(clusters, name).pick(null)?.port ?? 0))].sort();
  assert.deepEqual(ports('panic'), [1, 2, 3]);
  assert.equal(get(clusters, 'panic').stats.lb_healthy_panic, 12);
  assert.deepEqual(ports('enough'), [1, 2]);
  assert.deepEqual(ports('never'), [0]);
});

test('a new host gets its share little by little', async () => {
  const slowStart = { windowMs: 10_000, aggression: 1, minWeightPercent: 10 };
  const over = { loadBalancer: { kind: 'round_robin' as const, slowStart } };
  const { clusters, clock } = start(clusterConfig('a', [1], over));
  const cluster = get(clusters, 'a');
  await clock.advance(20_000);
  clusters.apply(configs(clusterConfig('a', [1, 2], over)));
  const shareOfNew = (): number =>
    Array.from({ length: 1000 }, () => cluster.pick(null)?.port).filter((port) => port === 2).length / 1000;
  assert.ok(Math.abs(shareOfNew() - 1 / 11) < 0.01);
  await clock.advance(5000);
  assert.ok(Math.abs(shareOfNew() - 1 / 3) < 0.02);
  await clock.advance(5000);
  assert.equal(shareOfNew(), 0.5);
  assert.equal(clock.pending, 0);
});
