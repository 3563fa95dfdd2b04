import type { Random } from '@weft/base/random';
import { EdfScheduler } from './edf.ts';

export type LoadBalancerPolicy =
  | { readonly kind: 'round_robin'; readonly slowStart?: SlowStart }
  | { readonly kind: 'least_request'; readonly choiceCount: number; readonly slowStart?: SlowStart }
  | { readonly kind: 'random' };

/** A new host gets its share little by little. */
export interface SlowStart {
  readonly windowMs: number;
  /** 1: the share grows evenly; more: faster at first. */
  readonly aggression: number;
  /** Of its weight, what a host has at least. */
  readonly minWeightPercent: number;
}

/**
 * The part of its weight that a host of such an age has.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/slow_start
 */
export const slowStartFactor = ({ windowMs, aggression, minWeightPercent }: SlowStart, ageMs: number): number =>
  ageMs >= windowMs
    ? 1
    : Math.max(minWeightPercent / 100, (Math.max(ageMs, 1) / windowMs) ** (1 / aggression), MIN_FACTOR);

const MIN_FACTOR = 1e-4;

/** What a balancer needs to know of a host. The proxy owns the objects and keeps them across configurations. */
export interface BalancedHost {
  readonly weight: number;
  /** Requests (or TCP connections) in flight. */
  active: number;
}

/**
 * Picks one of the hosts it was made with. Made anew when the hosts change; a round robin then starts at a random
 * place, so that many proxies do not march in step. `hosts` are those that may be used (healthy, or all in panic).
 */
export interface LoadBalancer<Host extends BalancedHost> {
  /** Null if there is no host. `tried` are avoided as long as another is left. */
  pick(tried: readonly Host[] | null): Host | null;
}

export type MakeLoadBalancer = <Host extends BalancedHost>(
  policy: LoadBalancerPolicy,
  hosts: readonly Host[],
  random: Random,
  /** While hosts are new: the part of its weight that each has now. */
  factorOf?: (host: Host) => number,
) => LoadBalancer<Host>;

/**
 * Envoy's balancers of the same names. Round robin and least request honour weights where they differ, random does not.
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/load_balancers
 */
export const makeLoadBalancer: MakeLoadBalancer = (policy, hosts, random, factorOf) => {
  if (hosts.length === 0) return none;
  if (factorOf && policy.kind !== 'random') {
    const weightOf = policy.kind === 'round_robin' ? plainWeight : loadedWeight;
    return new Weighted(hosts, random, (host) => weightOf(host) * factorOf(host));
  }
  const weighted = hosts.some((host) => host.weight !== hosts[0]?.weight);
  switch (policy.kind) {
    case 'round_robin':
      return weighted ? new Weighted(hosts, random, plainWeight) : new RoundRobin(hosts, random);
    case 'least_request':
      return weighted ? new Weighted(hosts, random, loadedWeight) : new LeastRequest(hosts, random, policy.choiceCount);
    default:
      return new RandomPick(hosts, random);
  }
};

const none: LoadBalancer<never> = { pick: () => null };

/** Picks until the host is one that was not tried; after a few vain picks the first such host from a random place on. */
abstract class Picker<Host extends BalancedHost> implements LoadBalancer<Host> {
  protected readonly hosts: readonly Host[];
  protected readonly random: Random;

  constructor(hosts: readonly Host[], random: Random) {
    this.hosts = hosts;
    this.random = random;
  }

  protected abstract next(): Host;

  pick(tried: readonly Host[] | null): Host | null {
    const host = this.next();
    if (tried === null || !tried.includes(host)) return host;
    for (let i = 0; i < tried.length; i++) {
      const other = this.next();
      if (!tried.includes(other)) return other;
    }
    const { hosts } = this;
    const start = Math.floor(this.random() * hosts.length);
    for (let i = 0; i < hosts.length; i++) {
      const other = hosts[(start + i) % hosts.length] as Host;
      if (!tried.includes(other)) return other;
    }
    return host;
  }
}

class RoundRobin<Host extends BalancedHost> extends Picker<Host> {
  #index: number;

  constructor(hosts: readonly Host[], random: Random) {
    super(hosts, random);
    this.#index = Math.floor(random() * hosts.length);
  }

  protected next(): Host {
    const host = this.hosts[this.#index] as Host;
    this.#index = (this.#index + 1) % this.hosts.length;
    return host;
  }
}

/** Power of choices: of a few hosts drawn at random (perhaps the same one twice), the one with the least in flight. */
class LeastRequest<Host extends BalancedHost> extends Picker<Host> {
  readonly #choiceCount: number;

  constructor(hosts: readonly Host[], random: Random, choiceCount: number) {
    super(hosts, random);
    this.#choiceCount = choiceCount;
  }

  protected next(): Host {
    const { hosts, random } = this;
    let best = hosts[Math.floor(random() * hosts.length)] as Host;
    for (let i = 1; i < this.#choiceCount; i++) {
      const other = hosts[Math.floor(random() * hosts.length)] as Host;
      if (other.active < best.active) best = other;
    }
    return best;
  }
}

class RandomPick<Host extends BalancedHost> extends Picker<Host> {
  protected next(): Host {
    return this.hosts[Math.floor(this.random() * this.hosts.length)] as Host;
  }
}

class Weighted<Host extends BalancedHost> extends Picker<Host> {
  readonly #scheduler: EdfScheduler;

  constructor(hosts: readonly Host[], random: Random, weightOf: (host: Host) => number) {
    super(hosts, random);
    this.#scheduler = new EdfScheduler(hosts.length, (index) => weightOf(hosts[index] as Host), random);
  }

  protected next(): Host {
    return this.hosts[this.#scheduler.next()] as Host;
  }
}

const plainWeight = (host: BalancedHost): number => Math.max(1, host.weight);
/** Envoy's least request with unequal weights and an active request bias of 1. */
const loadedWeight = (host: BalancedHost): number => Math.max(1, host.weight) / (host.active + 1);
