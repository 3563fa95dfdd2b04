import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@weft/base/random';
import fc from 'fast-check';
import { type BalancedHost, type LoadBalancerPolicy, makeLoadBalancer } from './load-balancer.ts';

interface TestHost extends BalancedHost {
  readonly name: number;
}

const hostsOf = (...weights: number[]): TestHost[] => weights.map((weight, name) => ({ name, weight, active: 0 }));

const policies: readonly LoadBalancerPolicy[] = [
  { kind: 'round_robin' },
  { kind: 'least_request', choiceCount: 2 },
  { kind: 'random' },
];

const count = (hosts: readonly TestHost[], picks: number, policy: LoadBalancerPolicy, seed = 1): number[] => {
  const balancer = makeLoadBalancer(policy, hosts, seededRandom(seed));
  const counts = hosts.map(() => 0);
  for (let i = 0; i < picks; i++) counts[balancer.pick(null)?.name as number]!++;
  return counts;
};

test('no host, no pick', () => {
  for (const policy of policies) assert.equal(makeLoadBalancer(policy, [], seededRandom(1)).pick(null), null);
});

test('round robin gives each host the same, from a random start', () => {
  assert.deepEqual(count(hostsOf(1, 1, 1), 300, { kind: 'round_robin' }), [100, 100, 100]);
  const starts = new Set(
    Array.from(
      { length: 20 },
      (_, seed) => makeLoadBalancer({ kind: 'round_robin' }, hostsOf(1, 1, 1), seededRandom(seed)).pick(null)?.name,
    ),
  );
  assert.equal(starts.size, 3);
});

test('weighted round robin is never far from the share', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
      fc.nat(),
      fc.integer({ min: 1, max: 400 }),
      (weights, seed, picks) => {
        const total = weights.reduce((a, b) => a + b);
        const counts = count(hostsOf(...weights), picks, { kind: 'round_robin' }, seed);
        // Each host is off by one turn of its own at most, and so is each other, on which the share is reckoned.
        counts.forEach((got, i) => {
          const share = (picks * (weights[i] as number)) / total;
          assert.ok(Math.abs(got - share) <= weights.length + 1, `${counts.join()} for ${weights.join()}`);
        });
      },
    ),
  );
});

test('random and least request spread evenly over idle hosts', () => {
  for (const policy of policies) {
    for (const got of count(hostsOf(1, 1, 1, 1), 8000, policy))
      assert.ok(Math.abs(got - 2000) < 200, `${policy.kind}: ${got}`);
  }
});

test('random does not look at weights, as in Envoy', () => {
  for (const got of count(hostsOf(1, 50), 4000, { kind: 'random' })) assert.ok(Math.abs(got - 2000) < 200);
});

test('least request prefers the host with less in flight', () => {
  const hosts = hostsOf(1, 1);
  (hosts[0] as TestHost).active = 5;
  const counts = count(hosts, 4000, { kind: 'least_request', choiceCount: 2 });
  // The busy one is picked only when both choices fall on it: a quarter.
  assert.ok(Math.abs((counts[0] as number) - 1000) < 150, String(counts));
});

test('weighted least request follows weight over load', () => {
  const hosts = hostsOf(1, 3);
  const idle = count(hosts, 4000, { kind: 'least_request', choiceCount: 2 });
  assert.ok(Math.abs((idle[1] as number) - 3000) <= 2, String(idle));
  (hosts[1] as TestHost).active = 2;
  const busy = count(hosts, 4000, { kind: 'least_request', choiceCount: 2 });
  assert.ok(Math.abs((busy[1] as number) - 2000) <= 2, String(busy));
});

test('a tried host is avoided as long as another is left', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...policies),
      fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.nat({ max: 255 }),
      (policy, weights, seed, mask) => {
        const hosts = hostsOf(...weights);
        const tried = hosts.filter((host) => mask & (1 << host.name));
        const balancer = makeLoadBalancer(policy, hosts, seededRandom(seed));
        for (let i = 0; i < 5; i++) {
          const host = balancer.pick(tried) as TestHost;
          assert.equal(tried.includes(host), tried.length === hosts.length);
        }
      },
    ),
  );
});
