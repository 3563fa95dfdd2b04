import type { Clock, Timer } from '@weft/base/clock';
import { typeUrls } from '@weft/xds-api/type-urls';
import { diffResources, resourcesOf, type Snapshot } from '../snapshot.ts';
import { type AdsRequest, frameResponse, type Protocol } from './protocol.ts';
import type { ResponseBodies } from './response-bodies.ts';
import { type Answer, type Change, TypeStream } from './type-stream.ts';

export interface AdsStreamEvents {
  acked(typeUrl: string): void;
  /** The client rejected a response; of which resource is not yet known. */
  rejected(typeUrl: string, message: string): void;
  /** This one is the culprit; the client is served its last accepted version. */
  setAside(typeUrl: string, name: string, version: string, message: string): void;
  /** The client did not accept the endpoints of these new clusters in time; routes go out without. */
  warmDeadline(endpointNames: readonly string[]): void;
  /** Everything in the snapshot of this version is acknowledged (what was set aside excepted). */
  synced(version: string): void;
}

/** How far a client has come with one type that it asked for. Times are wall-clock ms, 0 for never. */
export interface TypeState {
  readonly typeUrl: string;
  /** `acked` it has all that there is · `sent` a response is in flight · `due` what it lacks waits for its turn */
  readonly state: 'acked' | 'sent' | 'due';
  /** Versions of the snapshots of the last response and of the last that it acknowledged; '' for none. */
  readonly sentVersion: string;
  readonly ackedVersion: string;
  readonly sentAt: number;
  readonly ackedAt: number;
  /** Whether it wants a resource of this name. */
  readonly covers: (name: string) => boolean;
  /** The version of a resource that it has acknowledged. */
  readonly heldVersion: (name: string) => string | undefined;
}

export interface AdsStreamOptions {
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly warmDeadlineMs: number;
  readonly maxResponseBytes: number;
  readonly snapshot: Snapshot;
  /** What responses that say the same share. */
  readonly bodies: ResponseBodies;
  /** False: nothing more until `drained`. */
  readonly write: (parts: Uint8Array[]) => boolean;
  readonly events: AdsStreamEvents;
}

/** More types than this on one stream are refused: weft has no such client. */
const MAX_TYPES = 32;
/** Of one type, that a client names; the largest mesh that weft was measured with has a tenth of that. */
const MAX_NAMES = 100_000;

/**
 * One client's stream: in which order it is told what, so that no route ever points where nothing is yet, or no more
 * ("make before break", https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations):
 *
 *     1 clusters, new and changed      at once
 *     2 endpoints, other types         at once; those of a changed cluster again, as it warms anew
 *     3 listeners, routes              when 1 is acknowledged, and the endpoints of each new cluster; or at a deadline;
 *                                      of routes the virtual hosts first, then the tables that are made of them
 *     4 withdrawn routes               when 3 is acknowledged and nothing of it was rejected
 *     5 withdrawn clusters, endpoints  when 4 is acknowledged
 *
 * `#flush` is the only place that sends. It may be called at any time and sends what is due and permitted.
 */
export class AdsStream {
  readonly #options: AdsStreamOptions;
  readonly #types = new Map<string, TypeStream>();
  #snapshot: Snapshot;
  #nonce = 0;
  /**
   * Names of endpoints that the client lacks, of clusters that it has; with the nonce of the response that made it so:
   * what it acknowledges of older ones does not count. Those that the snapshot lacks too hold up nothing.
   */
  readonly #warming = new Map<string, number>();
  #gate:
    | { readonly kind: 'open' }
    | { readonly kind: 'warming'; readonly timer: Timer }
    | { readonly kind: 'overdue' } = { kind: 'open' };
  /**
   * A client that reconnects holds routes that it has not yet told of: until it asks for listeners, or a deadline, what
   * they point to is not withdrawn.
   */
  #resumption: { readonly kind: 'none' | 'over' } | { readonly kind: 'waiting'; readonly timer: Timer } = {
    kind: 'none',
  };
  #syncedVersion: string | null = null;
  readonly #deliveries = new Map<string, Delivery>();
  /** The connection takes no more for now. */
  #blocked = false;
  #closed = false;

  constructor(options: AdsStreamOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
  }

  push(snapshot: Snapshot): void {
    if (this.#closed) return;
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    for (const type of this.#types.values()) {
      const resources = resourcesOf(snapshot, type.typeUrl);
      type.replaced(resources, diffResources(resourcesOf(before, type.typeUrl), resources));
    }
    this.#flush();
  }

  /** Null, or why the stream must end: the client asks for more than any client should. */
  request(request: AdsRequest): string | null {
    if (this.#closed) return null;
    const known = this.#types.get(request.typeUrl);
    if (!known && this.#types.size >= MAX_TYPES) return 'too many types on one stream';
    const { protocol, maxResponseBytes } = this.#options;
    const resources = resourcesOf(this.#snapshot, request.typeUrl);
    const type = known ?? new TypeStream(request.typeUrl, protocol, maxResponseBytes, resources);
    this.#types.set(request.typeUrl, type);
    if (request.initialVersions.size > 0) this.#resumed();
    this.#answered(type, type.request(request, !known), Number(request.nonce));
    if (type.subscription.names.size > MAX_NAMES) return 'too many names of one type';
    this.#flush();
    return null;
  }

  /** The connection takes more again: what is due goes out, as its newest state. */
  drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#flush();
  }

  /** For status. It costs what waits to be sent. */
  states(): TypeState[] {
    return [...this.#types.values()].map((type) => ({
      typeUrl: type.typeUrl,
      state: type.idle ? (type.due(true) ? 'due' : 'acked') : 'sent',
      ...(this.#deliveries.get(type.typeUrl) ?? NEVER),
      covers: (name) => type.subscription.covers(name),
      heldVersion: (name) => type.held(name)?.version,
    }));
  }

  close(): void {
    this.#closed = true;
    this.#openGate();
    if (this.#resumption.kind === 'waiting') this.#resumption.timer.cancel();
  }

  #resumed(): void {
    if (this.#resumption.kind !== 'none') return;
    const timer = this.#options.clock.setTimer(this.#options.warmDeadlineMs, () => {
      this.#resumption = { kind: 'over' };
      this.#flush();
    });
    this.#resumption = { kind: 'waiting', timer };
  }

  #answered(type: TypeStream, answer: Answer, nonce: number): void {
    const { events } = this.#options;
    if (answer.kind === 'none') return;
    if (answer.kind === 'acked') {
      const delivery = this.#deliveries.get(type.typeUrl);
      if (delivery) Object.assign(delivery, { ackedVersion: delivery.sentVersion, ackedAt: this.#options.clock.now() });
      if (type.typeUrl === typeUrls.clusterLoadAssignment) this.#endpointsAcked(answer.changes, nonce);
      return events.acked(type.typeUrl);
    }
    if (answer.culprits.length === 0) return events.rejected(type.typeUrl, answer.message);
    for (const { name, resource } of answer.culprits) {
      // Neither rejected endpoints nor those of a rejected cluster are worth waiting for.
      this.#warming.delete(type.typeUrl === typeUrls.cluster ? (resource?.endpointsName ?? '') : name);
      events.setAside(type.typeUrl, name, resource?.version ?? '', answer.message);
    }
  }

  #endpointsAcked(changes: readonly Change[], nonce: number): void {
    const absent = new Set<string>();
    for (const { name, resource } of changes) {
      if (!resource) absent.add(name);
      else if (nonce > (this.#warming.get(name) ?? Infinity)) this.#warming.delete(name);
    }
    if (absent.size === 0) return;
    for (const { endpointsName } of this.#types.get(typeUrls.cluster)?.allHeld() ?? [])
      if (endpointsName !== undefined && absent.has(endpointsName)) this.#warming.set(endpointsName, nonce);
  }

  #flush(): void {
    if (this.#closed) return;
    const clusters = this.#types.get(typeUrls.cluster);
    const endpoints = this.#types.get(typeUrls.clusterLoadAssignment);
    const listeners = this.#types.get(typeUrls.listener);
    const routes = this.#types.get(typeUrls.routeConfiguration);
    const hosts = this.#types.get(typeUrls.virtualHost);

    if (clusters) this.#send(clusters, false);
    if (endpoints) this.#send(endpoints, false);
    for (const type of this.#types.values())
      if (![clusters, endpoints, listeners, routes, hosts].includes(type)) this.#send(type, true);

    if (this.#mayRoute(clusters)) {
      if (hosts) this.#send(hosts, false);
      if (listeners) this.#send(listeners, true);
      if (routes && (!hosts || hosts.idle)) this.#send(routes, false);
      this.#withdraw(clusters, endpoints, listeners, routes, hosts);
    }
    this.#reportSynced();
  }

  /** Steps 4 and 5. A rejected route goes on as it was, so what it points to must stay. */
  #withdraw(...[clusters, endpoints, listeners, routes, hosts]: (TypeStream | undefined)[]): void {
    const settled = (type: TypeStream | undefined): boolean => !type || (type.idle && !type.hasRejected);
    if (!settled(listeners) || !settled(routes) || !settled(hosts)) return;
    if (!listeners && this.#resumption.kind === 'waiting') return;
    if (routes) this.#send(routes, true);
    if (routes && !routes.idle) return;
    if (hosts) this.#send(hosts, true);
    if (hosts && !hosts.idle) return;
    if (clusters) this.#send(clusters, true);
    if (clusters && !clusters.idle) return;
    if (endpoints) this.#send(endpoints, true);
  }

  #mayRoute(clusters: TypeStream | undefined): boolean {
    if (!this.#isWarming() && (!clusters || clusters.idle)) {
      this.#openGate();
      return true;
    }
    if (this.#options.warmDeadlineMs === 0) return true;
    if (this.#gate.kind === 'open')
      this.#gate = {
        kind: 'warming',
        timer: this.#options.clock.setTimer(this.#options.warmDeadlineMs, () => this.#deadline()),
      };
    return this.#gate.kind === 'overdue';
  }

  #isWarming(): boolean {
    const endpoints = resourcesOf(this.#snapshot, typeUrls.clusterLoadAssignment);
    for (const name of this.#warming.keys()) if (endpoints.has(name)) return true;
    return false;
  }

  #openGate(): void {
    if (this.#gate.kind === 'warming') this.#gate.timer.cancel();
    this.#gate = { kind: 'open' };
  }

  #deadline(): void {
    this.#gate = { kind: 'overdue' };
    this.#options.events.warmDeadline([...this.#warming.keys()]);
    this.#warming.clear();
    this.#flush();
  }

  #send(type: TypeStream, removals: boolean): void {
    if (this.#blocked) return;
    const changes = type.take(removals);
    if (!changes) return;
    if (type.typeUrl === typeUrls.cluster) this.#startWarming(type, changes);
    const nonce = String(++this.#nonce);
    type.sent(nonce, changes);
    this.#delivered(type.typeUrl);
    const { protocol, bodies, write } = this.#options;
    this.#blocked = !write(
      frameResponse(protocol, {
        typeUrl: type.typeUrl,
        version: this.#snapshot.version,
        nonce,
        body: bodies.bytesOf(type.resourcesToWrite(changes)),
        removed: changes.filter((c) => c.resource === null).map((c) => c.name),
      }),
    );
  }

  #startWarming(clusters: TypeStream, changes: readonly Change[]): void {
    const endpoints = this.#types.get(typeUrls.clusterLoadAssignment);
    const available = resourcesOf(this.#snapshot, typeUrls.clusterLoadAssignment);
    for (const { name, resource } of changes) {
      if (!resource) this.#warming.delete(clusters.held(name)?.endpointsName ?? '');
      const endpointsName = resource?.endpointsName;
      if (endpointsName === undefined) continue;
      if (available.has(endpointsName) && endpoints?.subscription.covers(endpointsName)) endpoints.force(endpointsName);
      if (!clusters.held(name)) this.#warming.set(endpointsName, this.#nonce + 1);
    }
  }

  #delivered(typeUrl: string): void {
    const delivery = this.#deliveries.get(typeUrl) ?? { ...NEVER };
    delivery.sentVersion = this.#snapshot.version;
    delivery.sentAt = this.#options.clock.now();
    this.#deliveries.set(typeUrl, delivery);
  }

  #reportSynced(): void {
    if (this.#syncedVersion === this.#snapshot.version || this.#types.size === 0) return;
    // What a rejected route or listener still points to stays, for as long as that is so.
    const withdrawn = ![typeUrls.listener, typeUrls.routeConfiguration, typeUrls.virtualHost].some(
      (url) => this.#types.get(url)?.hasRejected,
    );
    for (const type of this.#types.values()) if (!type.idle || type.due(withdrawn)) return;
    this.#syncedVersion = this.#snapshot.version;
    this.#options.events.synced(this.#snapshot.version);
  }
}

interface Delivery {
  sentVersion: string;
  ackedVersion: string;
  sentAt: number;
  ackedAt: number;
}

const NEVER: Readonly<Delivery> = { sentVersion: '', ackedVersion: '', sentAt: 0, ackedAt: 0 };
