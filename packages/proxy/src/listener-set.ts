import type { Clock, Timer } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { LineLog } from '@weft/telemetry/log';
import type { ListenerConfig, RuntimeConfig } from '@weft/traffic/runtime-config';
import type { ListenerManagerStats } from './stats/listener-stats.ts';
import { routeTablesOf } from './xds/compiled-config.ts';

/** A listening socket with its connections; `RunningListener` of the stack is one. */
export interface OpenListener {
  update(config: ListenerConfig): void;
  /** Whether answers ask their clients to close the connection. */
  drain(on: boolean): void;
  /** Stops accepting; `graceful` lets requests under way end. Resolves when all connections have. */
  close(graceful: boolean): Promise<void>;
}

export interface ListenerSetOptions {
  readonly clock: Clock;
  readonly log: LineLog;
  readonly stats: ListenerManagerStats;
  readonly open: (config: ListenerConfig) => Promise<OpenListener>;
}

/** Which listeners: Envoy's `inboundonly` are those of inbound traffic. */
export type Scope = 'none' | 'inbound' | 'all';

const covers = (scope: Scope, { direction }: ListenerConfig): boolean =>
  scope === 'all' || (scope === 'inbound' && direction === 'inbound');

/** Another process may be about to leave the port. */
const RETRY_MS = 1000;

type State =
  | { readonly kind: 'waiting for routes' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'open'; readonly listener: OpenListener }
  | { readonly kind: 'failed'; readonly reason: string; readonly retry: Timer };

interface Entry {
  config: ListenerConfig;
  state: State;
}

/** Opens the listeners of the configuration once their routes are there, and drains those that leave it. */
export class ListenerSet {
  readonly #options: ListenerSetOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #draining = new Set<Promise<void>>();
  #drainScope: Scope = 'none';
  #stopped: Scope = 'none';

  constructor(options: ListenerSetOptions) {
    this.#options = options;
  }

  /** By name, for `/listeners`. */
  get states(): ReadonlyMap<string, { readonly config: ListenerConfig; readonly state: State }> {
    return this.#entries;
  }

  get allOpen(): boolean {
    return [...this.#entries.values()].every(({ state }) => state.kind === 'open');
  }

  apply(config: RuntimeConfig): void {
    if (this.#stopped === 'all') return;
    for (const [name, entry] of this.#entries) {
      const next = config.listeners.get(name);
      if (next?.address !== entry.config.address || next.port !== entry.config.port) this.#remove(name, entry);
      else if (next !== entry.config) {
        this.#options.stats.listener_modified++;
        update(entry, next);
      }
    }
    for (const [name, listener] of config.listeners) {
      if (covers(this.#stopped, listener)) continue;
      let entry = this.#entries.get(name);
      if (!entry) {
        entry = { config: listener, state: { kind: 'waiting for routes' } };
        this.#entries.set(name, entry);
        this.#options.stats.listener_added++;
      }
      const routed = routeTablesOf(listener).every((table) => config.routeTables.has(table));
      if (entry.state.kind === 'waiting for routes' && routed) void this.#open(entry);
    }
  }

  /** How many still have connections of a configuration that is gone. */
  get draining(): number {
    return this.#draining.size;
  }

  /** The listeners of the scope go on, but want to lose their clients; those of no scope do not any more. */
  drain(scope: Scope): void {
    this.#drainScope = scope;
    for (const { config, state } of this.#entries.values())
      if (state.kind === 'open') state.listener.drain(covers(scope, config));
  }

  /** Takes no more connections there, for good, and lets requests under way end. Resolves when all connections have. */
  async stop(scope: Scope): Promise<void> {
    if (this.#stopped !== 'all') this.#stopped = scope;
    for (const [name, entry] of this.#entries) if (covers(scope, entry.config)) this.#remove(name, entry);
    await Promise.all(this.#draining);
  }

  async #open(entry: Entry): Promise<void> {
    const { clock, log, open, stats } = this.#options;
    const { name, address, port } = entry.config;
    entry.state = { kind: 'opening' };
    try {
      const opened = entry.config;
      const listener = await open(opened);
      stats.listener_create_success++;
      if (this.#entries.get(name) !== entry) return this.#drain(listener, false);
      entry.state = { kind: 'open', listener };
      if (entry.config !== opened) listener.update(entry.config);
      if (covers(this.#drainScope, entry.config)) listener.drain(true);
      log.info('listener open', { name, address, port });
    } catch (error) {
      if (this.#entries.get(name) !== entry) return;
      stats.listener_create_failure++;
      const reason = whyNotOpen(entry.config, error as NodeJS.ErrnoException);
      log.error('listener failed', { name, code: 'WEFT0201', reason });
      const retry = clock.setTimer(RETRY_MS, () => void this.#open(entry));
      entry.state = { kind: 'failed', reason, retry };
    }
  }

  #remove(name: string, { state }: Entry): void {
    this.#entries.delete(name);
    this.#options.stats.listener_removed++;
    if (state.kind === 'failed') state.retry.cancel();
    if (state.kind !== 'open') return;
    this.#options.log.info('listener draining', { name });
    this.#drain(state.listener, true);
  }

  #drain(listener: OpenListener, graceful: boolean): void {
    const draining = listener.close(graceful).finally(() => this.#draining.delete(draining));
    this.#draining.add(draining);
  }
}

const update = (entry: Entry, config: ListenerConfig): void => {
  entry.config = config;
  if (entry.state.kind === 'open') entry.state.listener.update(config);
};

const whyNotOpen = ({ address, port }: ListenerConfig, error: NodeJS.ErrnoException): string => {
  if (error instanceof WeftError) return error.message;
  const advice = error.code === 'EADDRINUSE' ? '; another process listens there, stop it' : '';
  return `cannot listen on ${address}:${port} (${error.code ?? error.message})${advice}`;
};
