import type { Clock, Timer } from '@weft/base/clock';
import { typeUrls } from '@weft/xds-api/type-urls';
import { diffResources, resourcesOf, type Snapshot } from '../snapshot.ts';
import { type AdsRequest, frameResponse, type Protocol } from './protocol.ts';
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

export interface AdsStreamOptions {
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly warmDeadlineMs: number;
  readonly maxResponseBytes: number;
  readonly snapshot: Snapshot;
  readonly write: (parts: Uint8Array[]) => void;
  readonly events: AdsStreamEvents;
}

/** More types than this on one stream are refused: weft has no such client. */
const MAX_TYPES = 32;

/**
 * One client's stream: in which order it is told what, so that no route ever points where nothing is yet, or no more
 * ("make before break", https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations):
 *
 *     1 clusters, new and changed      at once
 *     2 endpoints, other types         at once; those of a changed cluster again, as it warms anew
 *     3 listeners, routes              when 1 is acknowledged, and the endpoints of each new cluster; or at a deadline
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
  #closed = false;

  constructor(options: AdsStreamOptions) {
    this.#options = options;
    this.#snapshot = options.snapshot;
  }

  push(snapshot: Snapshot): void {
    if (this.#closed) return;
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    for (const type of this.#types.values())
      type.replaced(diffResources(resourcesOf(before, type.typeUrl), resourcesOf(snapshot, type.typeUrl)));
    this.#flush();
  }

  /** False if the client asks for more types than any client should. */
  request(request: AdsRequest): boolean {
    if (this.#closed) return true;
    const known = this.#types.get(request.typeUrl);
    if (!known && this.#types.size >= MAX_TYPES) return false;
    const type = known ?? new TypeStream(request.typeUrl, this.#options.protocol, this.#options.maxResponseBytes);
    this.#types.set(request.typeUrl, type);
    if (Object.keys(request.initialVersions).length > 0) this.#resumed();
    this.#answered(type, type.request(request, !known, this.#resources(type)), Number(request.nonce));
    this.#flush();
    return true;
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
      if (type.typeUrl === typeUrls.clusterLoadAssignment)
        for (const { name, resource } of answer.changes) this.#endpointsAcked(name, resource !== null, nonce);
      return events.acked(type.typeUrl);
    }
    if (answer.culprits.length === 0) return events.rejected(type.typeUrl, answer.message);
    for (const { name, resource } of answer.culprits) {
      // Neither rejected endpoints nor those of a rejected cluster are worth waiting for.
      this.#warming.delete(type.typeUrl === typeUrls.cluster ? (resource?.endpointsName ?? '') : name);
      events.setAside(type.typeUrl, name, resource?.version ?? '', answer.message);
    }
  }

  #endpointsAcked(name: string, present: boolean, nonce: number): void {
    if (present) {
      if (nonce > (this.#warming.get(name) ?? Infinity)) this.#warming.delete(name);
      return;
    }
    for (const cluster of this.#types.get(typeUrls.cluster)?.held.values() ?? [])
      if (cluster.endpointsName === name) this.#warming.set(name, nonce);
  }

  #flush(): void {
    if (this.#closed) return;
    const clusters = this.#types.get(typeUrls.cluster);
    const endpoints = this.#types.get(typeUrls.clusterLoadAssignment);
    const listeners = this.#types.get(typeUrls.listener);
    const routes = this.#types.get(typeUrls.routeConfiguration);

    if (clusters) this.#send(clusters, false);
    if (endpoints) this.#send(endpoints, false);
    for (const type of this.#types.values())
      if (![clusters, endpoints, listeners, routes].includes(type)) this.#send(type, true);

    if (this.#mayRoute(clusters)) {
      if (listeners) this.#send(listeners, true);
      if (routes) this.#send(routes, false);
      this.#withdraw(clusters, endpoints, listeners, routes);
    }
    this.#reportSynced();
  }

  /** Steps 4 and 5. A rejected route goes on as it was, so what it points to must stay. */
  #withdraw(...[clusters, endpoints, listeners, routes]: (TypeStream | undefined)[]): void {
    const settled = (type: TypeStream | undefined): boolean => !type || (type.idle && !type.hasRejected);
    if (!settled(listeners) || !settled(routes) || (!listeners && this.#resumption.kind === 'waiting')) return;
    if (routes) this.#send(routes, true);
    if (routes && !routes.idle) return;
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
    const changes = type.take(this.#resources(type), removals);
    if (!changes) return;
    if (type.typeUrl === typeUrls.cluster) this.#startWarming(type, changes);
    const nonce = String(++this.#nonce);
    type.sent(nonce, changes);
    this.#options.write(
      frameResponse(this.#options.protocol, {
        typeUrl: type.typeUrl,
        version: this.#snapshot.version,
        nonce,
        resources: type.resourcesToWrite(changes),
        removed: changes.filter((c) => c.resource === null).map((c) => c.name),
      }),
    );
  }

  #startWarming(clusters: TypeStream, changes: readonly Change[]): void {
    const endpoints = this.#types.get(typeUrls.clusterLoadAssignment);
    const available = resourcesOf(this.#snapshot, typeUrls.clusterLoadAssignment);
    for (const { name, resource } of changes) {
      if (!resource) this.#warming.delete(clusters.held.get(name)?.endpointsName ?? '');
      const endpointsName = resource?.endpointsName;
      if (endpointsName === undefined) continue;
      if (available.has(endpointsName) && endpoints?.subscription.covers(endpointsName)) endpoints.force(endpointsName);
      if (!clusters.held.has(name)) this.#warming.set(endpointsName, this.#nonce + 1);
    }
  }

  #reportSynced(): void {
    if (this.#syncedVersion === this.#snapshot.version || this.#types.size === 0) return;
    // What a rejected route or listener still points to stays, for as long as that is so.
    const withdrawn = ![typeUrls.listener, typeUrls.routeConfiguration].some(
      (url) => this.#types.get(url)?.hasRejected,
    );
    for (const type of this.#types.values()) if (!type.idle || type.due(this.#resources(type), withdrawn)) return;
    this.#syncedVersion = this.#snapshot.version;
    this.#options.events.synced(this.#snapshot.version);
  }

  #resources(type: TypeStream) {
    return resourcesOf(this.#snapshot, type.typeUrl);
  }
}
