import type { EncodedResource } from '../resource.ts';
import type { ResourceDiff, ResourceMap } from '../snapshot.ts';
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

/**
 * One type on one stream: what the client asked for, what it holds, what is in flight and what it must still be told.
 * It decides what to write, `AdsStream` when.
 */
export class TypeStream {
  readonly typeUrl: string;
  readonly subscription = new Subscription();
  readonly #protocol: Protocol;
  readonly #maxBytes: number;
  /** Acknowledged. */
  readonly held = new Map<string, Held>();
  flight: Flight = IDLE;
  #lastNonce = '';
  /** Parts of a rejected response; sent one at a time before anything else. */
  #probes: readonly (readonly string[])[] = [];
  /** Names whose wanted and held state may differ. */
  readonly #stale = new Set<string>();
  /** Names to write even if held and wanted are the same. */
  readonly #forced = new Set<string>();
  /** Versions this client rejected, by name. */
  readonly #aside = new Map<string, string>();
  /** A response is owed even if there is nothing to tell. */
  #answerDue = false;

  /** `maxBytes`: of a delta response; one resource may be larger. */
  constructor(typeUrl: string, protocol: Protocol, maxBytes: number) {
    this.typeUrl = typeUrl;
    this.#protocol = protocol;
    this.#maxBytes = maxBytes;
  }

  get idle(): boolean {
    return this.flight.kind === 'idle' && this.#probes.length === 0;
  }

  get hasRejected(): boolean {
    return this.#aside.size > 0;
  }

  /** First what the request says of the last response, then what it asks for. `resources`: what there is now. */
  request(request: AdsRequest, first: boolean, resources: ResourceMap): Answer {
    const { flight } = this;
    const answered = flight.kind === 'sent' && request.nonce === flight.nonce ? flight.changes : null;
    // A state-of-the-world request that answers an older response is void: another, that answers the last, will follow.
    if (this.#protocol === 'sotw' && !first && request.nonce !== '' && request.nonce !== this.#lastNonce)
      return { kind: 'none' };
    const change = request.listed
      ? this.subscription.replace(request.listed)
      : this.subscription.update(request.subscribe, request.unsubscribe);
    if (first) this.#resume(request.initialVersions);
    const answer: Answer = answered ? this.#answered(answered, request.error) : { kind: 'none' };
    this.#subscriptionChanged(change, first, resources);
    return answer;
  }

  /** Another snapshot took the place of the last. */
  replaced(diff: ResourceDiff): void {
    for (const names of [diff.changed, diff.removed])
      for (const name of names) if (this.subscription.covers(name)) this.#stale.add(name);
  }

  /** Writes a resource again although the client has it. */
  force(name: string): void {
    this.#stale.add(name);
    this.#forced.add(name);
  }

  /** True if something waits for `take`. */
  due(resources: ResourceMap, removals: boolean): boolean {
    if (this.#answerDue || this.#probes.length > 0) return true;
    for (const name of this.#stale) if (this.#changeOf(name, resources, removals)) return true;
    return false;
  }

  /**
   * What to write now, or null. `removals`: whether resources that are gone may be withdrawn yet. While a response is
   * in flight there is never another; what piles up meanwhile is told as its newest state only. Delta goes in parts of
   * `maxBytes`, so that neither side must have all of a mesh in memory, or take it in one breath.
   */
  take(resources: ResourceMap, removals: boolean): readonly Change[] | null {
    if (this.flight.kind === 'sent') return null;
    while (this.#probes.length > 0) {
      const [probe, ...rest] = this.#probes as [readonly string[], ...(readonly string[])[]];
      this.#probes = rest;
      const changes = probe.map((name) => this.#changeOf(name, resources, removals)).filter((c) => c !== null);
      if (changes.length > 0) return changes;
    }
    const changes: Change[] = [];
    let bytes = 0;
    for (const name of this.#stale) {
      const change = this.#changeOf(name, resources, removals);
      bytes += change?.resource?.delta?.length ?? 0;
      if (this.#protocol === 'delta' && bytes > this.#maxBytes && changes.length > 0) break;
      if (change) changes.push(change);
      if (change || !this.#withheld(name, resources)) this.#settle(name);
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
      const all = new Map(this.held);
      for (const { name, resource } of changes) {
        if (resource) all.set(name, resource);
        else all.delete(name);
      }
      return [...all.values()];
    }
    return changes.map((c) => c.resource).filter((r) => r !== null);
  }

  #answered(changes: readonly Change[], error: string | null): Answer {
    this.flight = IDLE;
    if (error === null) {
      for (const { name, resource } of changes) {
        if (resource && this.subscription.covers(name)) this.held.set(name, resource);
        else this.held.delete(name);
      }
      return { kind: 'acked', changes };
    }
    if (changes.length <= 1) {
      for (const { name, resource } of changes) {
        // A removal that is refused cannot be made good by repeating it.
        if (resource) this.#aside.set(name, resource.version);
        else this.held.delete(name);
      }
      return { kind: 'rejected', culprits: changes, message: error };
    }
    this.#probes = [...splitRejected(changes, error), ...this.#probes];
    // Whatever the probes leave out (a removal that must wait again) is looked at once more after them.
    for (const { name } of changes) this.#stale.add(name);
    return { kind: 'rejected', culprits: [], message: error };
  }

  #subscriptionChanged(change: SubscriptionChange, first: boolean, resources: ResourceMap): void {
    const fullState = this.#protocol === 'sotw' && isFullState(this.typeUrl);
    for (const name of change.added) {
      this.#stale.add(name);
      // A reconnecting delta client has told what it holds; repeating it is what its versions are there to avoid.
      if (!(first && this.held.has(name))) this.#forced.add(name);
    }
    if (fullState && (change.added.length > 0 || change.wildcardStarted)) this.#answerDue = true;
    for (const name of change.removed) {
      if (this.subscription.covers(name)) this.force(name);
      else this.#forget(name);
    }
    if (change.wildcardStarted) {
      for (const name of resources.keys()) this.#stale.add(name);
      for (const name of this.held.keys()) this.#stale.add(name);
      this.#answerDue = true;
    }
    if (change.wildcardEnded)
      for (const name of this.held.keys()) if (!this.subscription.covers(name)) this.#forget(name);
  }

  #resume(versions: Readonly<Record<string, string>>): void {
    for (const [name, version] of Object.entries(versions))
      if (this.subscription.covers(name)) this.held.set(name, { version });
  }

  #forget(name: string): void {
    this.held.delete(name);
    this.#aside.delete(name);
    this.#settle(name);
  }

  #settle(name: string): void {
    this.#stale.delete(name);
    this.#forced.delete(name);
  }

  #changeOf(name: string, resources: ResourceMap, removals: boolean): Change | null {
    if (!this.subscription.covers(name)) return null;
    const held = this.held.get(name);
    const forced = this.#forced.has(name);
    let wanted: Held | undefined = resources.get(name);
    if (this.#aside.has(name)) {
      // Served as it last was until there is another version to try.
      if (wanted && wanted.version === this.#aside.get(name)) wanted = held?.bytes ? held : undefined;
      else this.#aside.delete(name);
      if (this.#aside.has(name)) return wanted && forced ? { name, resource: wanted } : null;
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

  /** True if a removal waits for its turn. */
  #withheld(name: string, resources: ResourceMap): boolean {
    return this.#canWithdraw && this.held.has(name) && !resources.has(name) && this.subscription.covers(name);
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
