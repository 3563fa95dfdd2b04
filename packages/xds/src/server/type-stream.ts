import { typeUrls } from '@weft/xds-api/type-urls';
import type { EncodedResource } from '../resource.ts';
import type { ResourceMap } from '../snapshot.ts';
import { type AdsRequest, isFullState, type Protocol } from './protocol.ts';
import { Subscription, type SubscriptionChange } from './subscription.ts';

/** What a client has of a resource. A delta client that reconnects tells the version only; then there are no bytes. */
export type Held = Pick<EncodedResource, 'version'> & Partial<EncodedResource>;

/** A resource to write, or its removal. */
export interface Change {
  readonly name: string;
  readonly resource: Held | null;
}

/**
 * What is on its way to the client. A probe is a part of a response that the client rejected.
 *
 *             send                 NACK of one: set aside
 *     idle ──────────► sent ──────────────────────────────► idle or sent (next probe)
 *       ▲               │  │ NACK of several: halve, or part those that the message names from the rest
 *       └───── ACK ─────┘  └──► sent (first probe)
 */
export type Flight =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sent'; readonly nonce: string; readonly changes: readonly Change[] };

export type Answer =
  | { readonly kind: 'none' }
  | { readonly kind: 'acked'; readonly changes: readonly Change[] }
  /** `culprits`: set aside just now. Empty while it is not yet known which of several it is. */
  | { readonly kind: 'rejected'; readonly culprits: readonly Change[]; readonly message: string };

const IDLE: Flight = { kind: 'idle' };
const NOTHING_HELD: ReadonlyMap<string, string> = new Map();

/**
 * One type on one stream: what the client asked for, what it holds, what is in flight and what it must still be told.
 * It decides what to write, `AdsStream` when.
 *
 * Of what the client holds only the difference to what it should hold is kept: a client that is up to date costs its
 * subscription and nothing more, and one that does not answer no more than one entry for each name.
 */
export class TypeStream {
  readonly typeUrl: string;
  readonly subscription = new Subscription();
  readonly #protocol: Protocol;
  readonly #maxBytes: number;
  /** What there is now. */
  #resources: ResourceMap;
  /**
   * Names, covered, whose held and wanted state may differ, with what the client holds (acknowledged; null: nothing).
   * Of any other name that is covered it holds what `#resources` has.
   */
  readonly #differing = new Map<string, Held | null>();
  flight: Flight = IDLE;
  #lastNonce = '';
  /** Parts of a rejected response; sent one at a time before anything else. */
  #probes: readonly (readonly string[])[] = [];
  /** Names to write even if held and wanted are the same; each is in `#differing` too. */
  readonly #forced = new Set<string>();
  /** Versions this client rejected, by name. */
  readonly #aside = new Map<string, string>();
  /** A response is owed even if there is nothing to tell. */
  #answerDue = false;
  /** Something was acknowledged, on this stream or before it. */
  #answeredOnce = false;

  /** `maxBytes`: of a delta response; one resource may be larger. */
  constructor(typeUrl: string, protocol: Protocol, maxBytes: number, resources: ResourceMap) {
    this.typeUrl = typeUrl;
    this.#protocol = protocol;
    this.#maxBytes = maxBytes;
    this.#resources = resources;
  }

  get idle(): boolean {
    return this.flight.kind === 'idle' && this.#probes.length === 0;
  }

  get hasRejected(): boolean {
    return this.#aside.size > 0;
  }

  /** What the client has acknowledged. */
  held(name: string): Held | undefined {
    if (!this.subscription.covers(name)) return undefined;
    const differing = this.#differing.get(name);
    return differing === undefined ? this.#resources.get(name) : (differing ?? undefined);
  }

  /** All that it has acknowledged. */
  *allHeld(): Iterable<Held> {
    const { wildcard, names } = this.subscription;
    for (const name of wildcard ? this.#resources.keys() : names) {
      const resource = this.#differing.has(name) ? null : this.#resources.get(name);
      if (resource) yield resource;
    }
    for (const held of this.#differing.values()) if (held) yield held;
  }

  /** First what the request says of the last response, then what it asks for. */
  request(request: AdsRequest, first: boolean): Answer {
    const { flight } = this;
    const answered = flight.kind === 'sent' && request.nonce === flight.nonce ? flight.changes : null;
    // A state-of-the-world request that answers an older response is void: another, that answers the last, will follow.
    if (this.#protocol === 'sotw' && !first && request.nonce !== '' && request.nonce !== this.#lastNonce)
      return { kind: 'none' };
    const change = request.listed
      ? this.subscription.replace(this.#sharedNames(request.listed))
      : this.subscription.update(this.#sharedNames(request.subscribe), request.unsubscribe);
    const answer: Answer = answered ? this.#answered(answered, request.error) : { kind: 'none' };
    this.#subscriptionChanged(change, first ? request.initialVersions : NOTHING_HELD);
    return answer;
  }

  /** Another snapshot took the place of the last; `names`: what may be different in it. */
  replaced(resources: ResourceMap, names: readonly string[]): void {
    const before = this.#resources;
    this.#resources = resources;
    for (const name of names)
      if (this.subscription.covers(name) && !this.#differing.has(name))
        this.#differing.set(name, before.get(name) ?? null);
  }

  /** Writes a resource again although the client has it. */
  force(name: string): void {
    if (!this.#differing.has(name)) this.#differing.set(name, this.#resources.get(name) ?? null);
    this.#forced.add(name);
  }

  /** True if something waits for `take`. */
  due(removals: boolean): boolean {
    if (this.#answerDue || this.#probes.length > 0) return true;
    for (const [name, held] of this.#differing) if (this.#changeOf(name, held, removals)) return true;
    return false;
  }

  /**
   * What to write now, or null. `removals`: whether resources that are gone may be withdrawn yet. While a response is
   * in flight there is never another; what piles up meanwhile is told as its newest state only. Delta goes in parts of
   * `maxBytes`, so that neither side must have all of a mesh in memory, or take it in one breath.
   */
  take(removals: boolean): readonly Change[] | null {
    if (this.flight.kind === 'sent') return null;
    while (this.#probes.length > 0) {
      const [probe, ...rest] = this.#probes as [readonly string[], ...(readonly string[])[]];
      this.#probes = rest;
      const changes: Change[] = [];
      for (const name of probe) {
        const held = this.#differing.get(name);
        const change = held === undefined ? null : this.#changeOf(name, held, removals);
        if (change) changes.push(change);
      }
      if (changes.length > 0) return changes;
    }
    const changes: Change[] = [];
    let bytes = 0;
    for (const [name, held] of this.#differing) {
      const change = this.#changeOf(name, held, removals);
      if (!change) {
        if (this.#isSettled(name, held)) this.#forget(name);
        continue;
      }
      bytes += change.resource?.delta?.length ?? 0;
      if (bytes > this.#maxBytes && changes.length > 0 && this.#mayCut) break;
      changes.push(change);
      this.#forced.delete(name);
    }
    const answerDue = this.#answerDue;
    this.#answerDue = false;
    return changes.length > 0 || answerDue ? changes : null;
  }

  sent(nonce: string, changes: readonly Change[]): void {
    this.flight = { kind: 'sent', nonce, changes };
    this.#lastNonce = nonce;
  }

  /** The resources of a response: state of the world lists all of a full-state type, else only what changes. */
  resourcesToWrite(changes: readonly Change[]): Held[] {
    if (this.#protocol === 'sotw' && isFullState(this.typeUrl)) {
      const changed = new Map(changes.map((c) => [c.name, c.resource]));
      const all: Held[] = [];
      const write = (name: string): void => {
        const resource = changed.has(name) ? changed.get(name) : this.held(name);
        if (resource) all.push(resource);
      };
      for (const name of this.#differing.keys()) if (!this.#resources.has(name)) write(name);
      for (const name of this.#resources.keys()) write(name);
      return all;
    }
    return changes.map((c) => c.resource).filter((r) => r !== null);
  }

  #answered(changes: readonly Change[], error: string | null): Answer {
    this.flight = IDLE;
    if (error === null) {
      this.#answeredOnce = true;
      for (const { name, resource } of changes) this.#holds(name, resource);
      return { kind: 'acked', changes };
    }
    if (changes.length <= 1) {
      for (const { name, resource } of changes) {
        // A removal that is refused cannot be made good by repeating it.
        if (resource) this.#aside.set(name, resource.version);
        else this.#holds(name, null);
      }
      return { kind: 'rejected', culprits: changes, message: error };
    }
    this.#probes = [...splitRejected(changes, error), ...this.#probes];
    return { kind: 'rejected', culprits: [], message: error };
  }

  #holds(name: string, resource: Held | null): void {
    if (!this.subscription.covers(name)) return this.#forget(name);
    const wanted = this.#resources.get(name);
    if (this.#forced.has(name) || resource?.version !== wanted?.version) this.#differing.set(name, resource);
    else this.#differing.delete(name);
  }

  /** `versions`: what a delta client that reconnects says it holds; repeating that is what they are there to avoid. */
  #subscriptionChanged(change: SubscriptionChange, versions: ReadonlyMap<string, string>): void {
    const fullState = this.#protocol === 'sotw' && isFullState(this.typeUrl);
    for (const name of change.added) {
      const resource = this.#resources.get(name);
      this.#started(name, resource, versions.get(name));
      // What does not exist is answered too.
      if (!resource && !versions.has(name)) this.#forced.add(name);
    }
    for (const name of change.repeated) this.force(name);
    const named = change.added.length > 0 || change.repeated.length > 0;
    if (fullState && (named || change.wildcardStarted)) this.#answerDue = true;
    for (const name of change.removed) {
      if (this.subscription.covers(name)) this.force(name);
      else this.#forget(name);
    }
    if (change.wildcardStarted) {
      const { names } = this.subscription;
      for (const name of this.#resources.keys())
        if (names.size === 0 || (!names.has(name) && !this.#differing.has(name)))
          this.#started(name, this.#resources.get(name), versions.get(name));
      this.#answerDue = true;
    }
    if (versions.size > 0) {
      this.#answeredOnce = true;
      for (const [name, version] of versions)
        if (!this.#resources.has(name) && this.subscription.covers(name)) this.#differing.set(name, { version });
    }
    if (change.wildcardEnded)
      for (const name of [...this.#differing.keys(), ...this.#aside.keys()])
        if (!this.subscription.covers(name)) this.#forget(name);
  }

  /** A name is covered from now on; `version`: what the client says it holds of it. */
  #started(name: string, resource: EncodedResource | undefined, version: string | undefined): void {
    if (version === undefined) this.#differing.set(name, null);
    else if (resource?.version !== version) this.#differing.set(name, { version });
  }

  /** The names as the resources have them, so that a thousand clients do not keep a thousand copies of each. */
  #sharedNames(names: readonly string[]): readonly string[] {
    return names.length === 0 ? names : names.map((name) => this.#resources.get(name)?.name ?? name);
  }

  #forget(name: string): void {
    this.#differing.delete(name);
    this.#aside.delete(name);
    this.#forced.delete(name);
  }

  #changeOf(name: string, held: Held | null, removals: boolean): Change | null {
    if (!this.subscription.covers(name)) return null;
    const forced = this.#forced.has(name);
    const wanted = this.#resources.get(name);
    const rejected = this.#aside.get(name);
    if (rejected !== undefined) {
      // Served as it last was until there is another version to try.
      if (wanted?.version === rejected) return forced && held?.bytes ? { name, resource: held } : null;
      this.#aside.delete(name);
    }
    if (wanted) return forced || held?.version !== wanted.version ? { name, resource: wanted } : null;
    if (held) return removals && this.#canWithdraw ? { name, resource: null } : null;
    // Delta tells of a name that does not exist; state of the world has no way to.
    return forced && this.#protocol === 'delta' ? { name, resource: null } : null;
  }

  /** State of the world cannot take back endpoints or routes: a client drops them with what refers to them. */
  get #canWithdraw(): boolean {
    return this.#protocol === 'delta' || isFullState(this.typeUrl);
  }

  /**
   * State of the world cannot be cut. Nor can the first virtual hosts: a client takes its table for whole when it has
   * its first answer.
   */
  get #mayCut(): boolean {
    return this.#protocol === 'delta' && (this.#answeredOnce || this.typeUrl !== typeUrls.virtualHost);
  }

  /** False while a removal waits for its turn, or a version that was rejected for another. */
  #isSettled(name: string, held: Held | null): boolean {
    const wanted = this.#resources.get(name);
    if (wanted) return held?.version === wanted.version;
    return !held || !this.#canWithdraw;
  }
}

/** The names in the order in which to try them: if the message names some, the others first, together; else halves. */
const splitRejected = (changes: readonly Change[], message: string): string[][] => {
  const names = changes.map((c) => c.name);
  const named = names.filter((name) => mentions(message, name));
  if (named.length > 0 && named.length < names.length) {
    const suspects = new Set(named);
    return [names.filter((name) => !suspects.has(name)), ...named.map((name) => [name])];
  }
  const middle = names.length >> 1;
  return [names.slice(0, middle), names.slice(middle)];
};

/** As a word of its own: `a` is not mentioned by "a.b" or "bad". */
const mentions = (message: string, name: string): boolean => {
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const before = message.charAt(at - 1);
    const after = message.charAt(at + name.length);
    if (
      !WORD.test(before) &&
      (!WORD.test(after) || (after === '.' && !WORD.test(message.charAt(at + name.length + 1))))
    )
      return true;
  }
  return false;
};

const WORD = /[\w.|-]/;
