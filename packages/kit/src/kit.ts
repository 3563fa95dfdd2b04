import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Clock, systemClock } from '@weft/base/clock';
import type { Logger } from 'pino';
import { type Client, type ClientOptions, createClient } from './client.ts';
import { GracefulShutdown, type ShutdownOptions, type SignalOptions, shutDownOnSignals } from './graceful-shutdown.ts';
import { Health, type HealthOptions } from './health.ts';
import { createLog, type LogOptions } from './log.ts';
import { Metrics, type MetricsOptions } from './metrics.ts';
import { propagateOutgoing } from './outgoing.ts';
import { bindEvents, withPropagation } from './propagation.ts';
import { type WaitOptions, waitForSidecar } from './wait-for-sidecar.ts';

export interface KitOptions {
  /** Its name, in each line of the log. */
  readonly service?: string;
  /** What it cannot work without; `/readyz` asks them. */
  readonly health?: HealthOptions;
  /** Headers handed on beside those of traces, such as the ones that routes look at. */
  readonly alsoPropagate?: readonly string[];
  readonly log?: LogOptions;
  readonly metrics?: MetricsOptions;
  readonly client?: ClientOptions;
  readonly shutdown?: Pick<ShutdownOptions, 'drainPauseMs' | 'drainProbes' | 'deadlineMs'>;
  readonly sidecar?: WaitOptions;
  readonly clock?: Clock;
}

export interface ServeOptions {
  /** Default: `PORT`, else 8080. */
  readonly port?: number;
  /** Default: `HOST`, else every address. */
  readonly host?: string;
  /** What ends it. Default: the process's signals. */
  readonly signals?: SignalOptions['signals'];
}

/** A proxy keeps connections: one that closes earlier than the proxy does fails whoever is using it just then. */
const KEEP_ALIVE_MS = 120_000;

/**
 * What a service needs to be a good citizen of a mesh, and that costs nothing where there is none. One for each process;
 * from the moment it is made, outgoing requests hand headers on.
 */
export class Kit {
  readonly log: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly client: Client;
  readonly #options: KitOptions;
  readonly #clock: Clock;
  readonly #onClose: (() => unknown)[] = [];

  constructor(options: KitOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    propagateOutgoing();
    this.log = createLog({ ...(options.service !== undefined && { service: options.service }), ...options.log });
    this.health = new Health(options.health);
    this.metrics = new Metrics(options.metrics);
    this.client = createClient({ warn: (message) => this.log.warn(message), ...options.client });
    this.onClose(() => this.client.close());
  }

  /**
   * Every request goes through here; the adapters see to that. Answers probes and `/metrics` itself, calls `next` with any
   * other as part of serving it, and counts it under `routeOf()`, asked when it is answered. True if `next` was called.
   */
  handle(request: IncomingMessage, response: ServerResponse, next: () => void, routeOf: () => string): boolean {
    if (this.health.handle(request, response)) return false;
    if (request.method === 'GET' && request.url?.split('?', 1)[0] === '/metrics') {
      void this.metrics.answer(response);
      return false;
    }
    const started = this.#clock.monotonic();
    response.once('close', () => {
      const status = response.writableFinished ? response.statusCode : 0;
      this.metrics.observe(request.method ?? '', routeOf(), status, (this.#clock.monotonic() - started) / 1000);
    });
    const serve = (): void => {
      bindEvents(request);
      bindEvents(response);
      next();
    };
    withPropagation(request, serve, this.#options.alsoPropagate);
    return true;
  }

  /** Called, last added first, when the last request is answered. */
  onClose(close: () => unknown): void {
    this.#onClose.unshift(close);
  }

  /**
   * Listens, waits for the sidecar, is ready; ends gracefully on SIGTERM. Rejects if it cannot listen, or if a sidecar
   * that should be there never is: leave it uncaught, and what started the process starts it again.
   */
  async serve(server: Server, options: ServeOptions = {}): Promise<GracefulShutdown> {
    const { env } = process;
    const { port = Number(env.PORT ?? 8080), host = env.HOST } = options;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    const shutdown = new GracefulShutdown(server, {
      ...this.#options.shutdown,
      health: this.health,
      clock: this.#clock,
      onClose: () => this.#close(),
    });
    shutDownOnSignals(shutdown, {
      tell: (message) => this.log.info(message),
      ...(options.signals && { signals: options.signals }),
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const sidecar = await waitForSidecar({ clock: this.#clock, ...this.#options.sidecar });
    this.health.markReady();
    this.log.info({ address: server.address(), sidecar }, 'ready');
    return shutdown;
  }

  async #close(): Promise<void> {
    for (const close of this.#onClose) await close();
  }
}

export const createKit = (options: KitOptions = {}): Kit => new Kit(options);
