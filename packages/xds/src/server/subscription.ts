/**
 * What a client asked for, of one type. A wildcard covers every name.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#how-the-client-specifies-what-resources-to-return
 */
export class Subscription {
  wildcard = false;
  readonly names = new Set<string>();
  /** Once a client has named a resource, an empty list no longer means everything. */
  #named = false;
  #first = true;

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** A state-of-the-world request lists all names, each time. */
  replace(listed: readonly string[]): SubscriptionChange {
    const wasWildcard = this.wildcard;
    const before = new Set(this.names);
    this.names.clear();
    for (const name of listed) if (name !== '*') this.names.add(name);
    if (listed.length > 0) this.#named = true;
    this.wildcard = listed.includes('*') || (!this.#named && listed.length === 0);
    this.#first = false;
    const added = [...this.names].filter((name) => !before.has(name));
    return {
      added: wasWildcard ? NONE : added,
      repeated: wasWildcard ? added : NONE,
      removed: [...before].filter((name) => !this.names.has(name)),
      wildcardStarted: this.wildcard && !wasWildcard,
      wildcardEnded: wasWildcard && !this.wildcard,
    };
  }

  /** A delta request says what comes and what goes. */
  update(subscribe: readonly string[], unsubscribe: readonly string[]): SubscriptionChange {
    const wasWildcard = this.wildcard;
    // An empty first request asks for everything; later ones that are empty are mere ACKs.
    if (this.#first && subscribe.length === 0) this.wildcard = true;
    this.#first = false;
    const added: string[] = [];
    const repeated: string[] = [];
    for (const name of subscribe) {
      if (name === '*') {
        this.wildcard = true;
        continue;
      }
      (wasWildcard || this.names.has(name) ? repeated : added).push(name);
      this.names.add(name);
    }
    const removed: string[] = [];
    for (const name of unsubscribe) {
      if (name === '*') this.wildcard = false;
      else if (this.names.delete(name)) removed.push(name);
    }
    return {
      added: unsubscribe.length === 0 ? added : added.filter((name) => this.names.has(name)),
      repeated: repeated.filter((name) => this.covers(name)),
      removed,
      wildcardStarted: this.wildcard && !wasWildcard,
      wildcardEnded: wasWildcard && !this.wildcard,
    };
  }
}

const NONE: readonly string[] = [];

export interface SubscriptionChange {
  /** Not covered before. */
  readonly added: readonly string[];
  /** Covered before. Asked for again is asked for: the client may have dropped it. */
  readonly repeated: readonly string[];
  readonly removed: readonly string[];
  readonly wildcardStarted: boolean;
  readonly wildcardEnded: boolean;
}
