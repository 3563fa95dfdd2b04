import type { Clock } from '@weft/base/clock';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import type { LineLog } from '@weft/telemetry/log';
import type { RuntimeConfig } from '@weft/traffic/runtime-config';
import {
  AdsClient,
  type AdsClientOptions,
  type AdsClientState,
  type AdsUpdate,
  type RestoredResource,
} from '@weft/xds/client/ads-client';
import { typeUrls } from '@weft/xds-api/type-urls';
import { CompiledConfig } from './compiled-config.ts';

export interface ConfigSubscriptionOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LineLog;
  readonly connect: AdsClientOptions['connect'];
  /** Called with each configuration that was taken. Must not throw: the update is acknowledged all the same. */
  readonly onConfig: (config: RuntimeConfig) => void;
}

/** In the order in which they can be taken: the first name the others. */
const types = [
  typeUrls.cluster,
  typeUrls.listener,
  typeUrls.clusterLoadAssignment,
  typeUrls.routeConfiguration,
  typeUrls.virtualHost,
];

/** A resource whose last version was refused. */
export interface Refusal {
  readonly typeUrl: string;
  readonly name: string;
  readonly reason: string;
  readonly timeMs: number;
}

/**
 * Keeps the configuration as the control plane has it: clusters and listeners by wildcard, then the endpoints and route
 * tables that they name, then the virtual hosts of tables that leave them to VHDS, by wildcard too. What is refused, and a control plane that is away, leave the last good one in force.
 */
export class ConfigSubscription {
  readonly client: AdsClient;
  readonly #options: ConfigSubscriptionOptions;
  readonly #config = new CompiledConfig(() => this.#keptHosts());
  readonly #received = new Set<string>();
  readonly #refusals = new Map<string, Refusal>();
  #state: AdsClientState = { kind: 'disconnected', reason: 'not connected yet' };

  constructor(options: ConfigSubscriptionOptions) {
    this.#options = options;
    const { bootstrap, clock, random } = options;
    this.client = new AdsClient({
      clock,
      random,
      node: {
        id: bootstrap.node.id,
        cluster: bootstrap.node.cluster,
        locality: { ...bootstrap.node.locality },
        // The control plane may send virtual hosts as resources of their own.
        metadata: { ...bootstrap.node.metadata, WEFT_VHDS: true },
        userAgentName: 'weft',
      },
      connect: options.connect,
      onUpdate: (update) => this.#onUpdate(update),
      onState: (state) => this.#onState(state),
    });
    this.client.subscribe(typeUrls.cluster, 'wildcard');
    this.client.subscribe(typeUrls.listener, 'wildcard');
  }

  /** What was accepted, by type: clusters, listeners, then what they name. */
  get kept(): ReadonlyMap<string, readonly RestoredResource[]> {
    return new Map(
      types.map((typeUrl) => [
        typeUrl,
        [...this.client.kept(typeUrl)].map(([name, { version, updatedMs, bytes }]) => ({
          name,
          version,
          updatedMs,
          bytes,
        })),
      ]),
    );
  }

  /** Takes what `kept` once was, before the client runs. What cannot be used any more is told and left out. */
  restore(kept: ReadonlyMap<string, readonly RestoredResource[]>): void {
    for (const typeUrl of types) {
      const resources = kept.get(typeUrl) ?? [];
      if (resources.length > 0 && !this.client.restore(typeUrl, resources))
        this.#options.log.warning('kept configuration left aside', { type: typeUrl });
    }
  }

  get current(): RuntimeConfig {
    return this.#config.current;
  }

  get state(): AdsClientState {
    return this.#state;
  }

  /** Until the resource is accepted or removed. */
  get refusals(): readonly Refusal[] {
    return [...this.#refusals.values()];
  }

  get hasListeners(): boolean {
    return this.#received.has(typeUrls.listener);
  }

  /** Listeners and clusters were received, and all that they name: nothing that was asked for is still to come. */
  get complete(): boolean {
    if (!this.#received.has(typeUrls.cluster) || !this.#received.has(typeUrls.listener)) return false;
    const { clusters, routeTables } = this.current;
    for (const name of this.#config.wantedRouteTables()) if (!routeTables.has(name)) return false;
    for (const cluster of clusters.values()) if (!cluster.warm) return false;
    return true;
  }

  #onUpdate({ typeUrl, added, removed }: AdsUpdate): string | null {
    const { log, clock, onConfig } = this.#options;
    const problems = this.#config.update(typeUrl, added, removed);
    const type = typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
    if (problems !== null) {
      for (const { resource: name, message: reason } of problems) {
        log.warning('configuration refused', { code: 'WEFT0401', type, name, reason });
        this.#refusals.set(`${typeUrl} ${name}`, { typeUrl, name, reason, timeMs: clock.now() });
      }
      return problems.map(({ resource, message }) => `${resource}: ${message}`).join('; ');
    }
    log.debug('configuration taken', { type, added: added.length, removed: removed.length });
    this.#received.add(typeUrl);
    for (const { name } of added) this.#refusals.delete(`${typeUrl} ${name}`);
    for (const name of removed) this.#refusals.delete(`${typeUrl} ${name}`);
    if (typeUrl === typeUrls.cluster)
      this.client.subscribe(typeUrls.clusterLoadAssignment, this.#config.wantedEndpoints());
    if (typeUrl === typeUrls.listener)
      this.client.subscribe(typeUrls.routeConfiguration, this.#config.wantedRouteTables());
    if (this.#config.wantsVirtualHosts) this.client.subscribe(typeUrls.virtualHost, 'wildcard');
    else if (this.#received.delete(typeUrls.virtualHost)) this.client.subscribe(typeUrls.virtualHost, []);
    onConfig(this.current);
    return null;
  }

  *#keptHosts(): Iterable<RestoredResource> {
    for (const [name, { version, updatedMs, bytes }] of this.client.kept(typeUrls.virtualHost))
      yield { name, version, updatedMs, bytes };
  }

  #onState(state: AdsClientState): void {
    const { log, bootstrap } = this.#options;
    const address = bootstrap.discoveryAddress;
    if (state.kind === 'connected') log.info('control plane connected', { address });
    else log.warning('control plane away', { code: 'WEFT0205', address, reason: state.reason });
    this.#state = state;
  }
}
