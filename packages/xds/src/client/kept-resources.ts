import type { RawResource } from '../codec/delta-response.ts';
import { type Bytes, packBytes } from './packed-bytes.ts';

/** A resource as it was accepted, undecoded. */
export interface KeptResource {
  readonly version: string;
  /** The message's bytes. Unpacked anew when asked for: take them once. */
  readonly bytes: Uint8Array;
  /** Wall clock, ms. */
  readonly updatedMs: number;
}

/** What a client asked for of one type, and what it has. */
export class TypeSubscription {
  wildcard = false;
  names: ReadonlySet<string> = new Set();
  readonly kept = new Map<string, KeptResource>();

  /** What a request must say to get from the present names to these; and drops what is no longer asked for. */
  change(wanted: ReadonlySet<string>, wildcard: boolean): { subscribe: string[]; unsubscribe: string[] } {
    const subscribe = [...wanted].filter((name) => !this.names.has(name));
    const unsubscribe = [...this.names].filter((name) => !wanted.has(name));
    if (wildcard && !this.wildcard) subscribe.push('*');
    if (!wildcard && this.wildcard) unsubscribe.push('*');
    this.names = wanted;
    this.wildcard = wildcard;
    if (!wildcard) for (const name of this.kept.keys()) if (!wanted.has(name)) this.kept.delete(name);
    return { subscribe, unsubscribe };
  }

  /** The first request of a stream: all names, and the versions that need not be sent again. */
  resume(): { subscribe: string[]; initialVersions: Record<string, string> } {
    // An empty list means everything, to servers of every age; `*` is needed only beside names.
    const subscribe = this.wildcard && this.names.size > 0 ? ['*', ...this.names] : [...this.names];
    const initialVersions: Record<string, string> = {};
    for (const [name, { version }] of this.kept) initialVersions[name] = version;
    return { subscribe, initialVersions };
  }

  restore(resources: readonly (RawResource & { readonly updatedMs: number })[]): void {
    const packed = packBytes(resources.map((resource) => resource.bytes));
    for (const [i, { name, version, updatedMs }] of resources.entries())
      this.kept.set(name, new Kept(version, updatedMs, packed[i] as Bytes));
  }

  /** Keeps what was accepted; the response it came in can go. */
  accept(added: readonly RawResource[], removed: readonly string[], nowMs: number): void {
    const packed = packBytes(added.map((resource) => resource.bytes));
    for (const [i, { name, version }] of added.entries())
      this.kept.set(name, new Kept(version, nowMs, packed[i] as Bytes));
    for (const name of removed) this.kept.delete(name);
  }
}

class Kept implements KeptResource {
  readonly version: string;
  readonly updatedMs: number;
  readonly #bytes: Bytes;

  constructor(version: string, updatedMs: number, bytes: Bytes) {
    this.version = version;
    this.updatedMs = updatedMs;
    this.#bytes = bytes;
  }

  get bytes(): Uint8Array {
    return this.#bytes.read();
  }
}
