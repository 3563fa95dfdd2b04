import type { Clock } from '@weft/base/clock';
import type { NameResolver } from './name-resolver.ts';

/** A name has no address, or nobody could be asked. */
export class DnsError extends Error {
  readonly code = 'EDNS';
}

/** Envoy's `dns_min_refresh_rate`: no name is asked for more often. */
const MIN_TTL_MS = 5000;
const MAX_TTL_MS = 3_600_000;
const FAILED_MS = 1000;
/** Envoy's `max_hosts`. */
const MAX_NAMES = 1024;

interface Entry {
  /** Of the last good answer. */
  addresses: readonly string[];
  /** Monotonic; until then the answer, or the failure, holds. */
  untilMs: number;
  /** Null: the last answer was good. */
  failure: DnsError | null;
  asking: Promise<readonly string[]> | null;
}

/**
 * Addresses of names, for as long as their TTL says. When it is over the next who asks waits for a new answer; if
 * there is none, the old one is good for another while.
 */
export class DnsCache {
  readonly #resolve: NameResolver;
  readonly #clock: Clock;
  /** The one asked for longest ago comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(resolve: NameResolver, clock: Clock) {
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** Whether the last answer still holds; false if there was none. */
  isFresh(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && this.#clock.monotonic() < entry.untilMs;
  }

  /** Rejects with DnsError. */
  async addresses(name: string): Promise<readonly string[]> {
    const entry = this.#entry(name);
    if (this.#clock.monotonic() < entry.untilMs) {
      if (entry.failure) throw entry.failure;
      return entry.addresses;
    }
    entry.asking ??= this.#ask(name, entry);
    return entry.asking;
  }

  async #ask(name: string, entry: Entry): Promise<readonly string[]> {
    try {
      const { addresses, ttlMs } = await this.#resolve(name);
      entry.addresses = addresses;
      entry.failure = null;
      entry.untilMs = this.#clock.monotonic() + Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, ttlMs));
    } catch (cause) {
      const known = entry.addresses.length > 0;
      entry.untilMs = this.#clock.monotonic() + (known ? MIN_TTL_MS : FAILED_MS);
      entry.failure = known ? null : new DnsError(`${name}: ${(cause as Error).message}`, { cause });
      if (entry.failure) throw entry.failure;
    } finally {
      entry.asking = null;
    }
    return entry.addresses;
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    this.#entries.delete(name);
    entry ??= { addresses: [], untilMs: Number.NEGATIVE_INFINITY, failure: null, asking: null };
    this.#entries.set(name, entry);
    if (this.#entries.size > MAX_NAMES) this.#entries.delete(this.#entries.keys().next().value as string);
    return entry;
  }
}
