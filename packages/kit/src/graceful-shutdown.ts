import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '@weft/base/clock';
import type { Health } from './health.ts';

export interface ShutdownOptions {
  readonly health?: Health;
  /**
   * Between saying "not ready" and taking no more connections, in ms: until every proxy has heard that this replica is going.
   * Default 5 s; 0 for none.
   */
  readonly drainPauseMs?: number;
  /**
   * The pause is over sooner once `/readyz` has said "not ready" so often: the probe's `failureThreshold`, and one more for
   * the word to get around. Default 0: it never is, as who takes a replica out may not be who probes it.
   */
  readonly drainProbes?: number;
  /**
   * For all of it, the pause included, in ms; then what is left is cut. Default 25 s: Kubernetes kills after 30 s
   * (`terminationGracePeriodSeconds`).
   */
  readonly deadlineMs?: number;
  /** Called when the last request is answered: to close databases and the like. */
  readonly onClose?: () => unknown;
  readonly clock?: Clock;
}

/** What `onClose` has where the deadline has passed before its turn. */
const LATE_CLOSE_MS = 1_000;

/**
 * Ends an HTTP server without failing anybody: it says that it is not ready, goes on serving for a pause, takes no new
 * connections, finishes what is in flight, closes. From the first moment answers ask their callers to close the connection.
 * Make one before the server listens, so that it knows every connection.
 */
export class GracefulShutdown {
  readonly #server: Server;
  readonly #options: ShutdownOptions;
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  readonly #inFlight = new Set<ServerResponse>();
  #stopping: Promise<boolean> | null = null;
  #closing = false;

  constructor(server: Server, options: ShutdownOptions = {}) {
    this.#server = server;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      this.#inFlight.add(response);
      if (this.#stopping) response.setHeader('connection', 'close');
      response.once('close', () => {
        this.#inFlight.delete(response);
        if (this.#closing) setImmediate(() => this.#closeIdle());
      });
    });
  }

  /** Resolves to whether everything was finished in time. Called again, it is the same ending. */
  stop(drainPauseMs = this.#options.drainPauseMs ?? 5_000): Promise<boolean> {
    this.#stopping ??= this.#stop(drainPauseMs);
    return this.#stopping;
  }

  async #stop(drainPauseMs: number): Promise<boolean> {
    this.#options.health?.markStopping();
    for (const response of this.#inFlight) if (!response.headersSent) response.setHeader('connection', 'close');
    const late = new AbortController();
    const deadline = this.#clock.setTimer(this.#options.deadlineMs ?? 25_000, () => late.abort());
    const finished = await Promise.race([this.#drain(drainPauseMs, late.signal), aborted(late.signal)]);
    deadline.cancel();
    for (const socket of this.#sockets) socket.destroy();
    if (finished) return true;
    this.#server.close();
    await Promise.race([this.#runOnClose(), this.#clock.sleep(LATE_CLOSE_MS)]);
    return false;
  }

  async #drain(pauseMs: number, late: AbortSignal): Promise<boolean> {
    if (pauseMs > 0) await this.#pause(pauseMs, late);
    if (late.aborted) return false;
    this.#closing = true;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#closeIdle();
    });
    if (late.aborted) return false;
    await this.#runOnClose();
    return true;
  }

  async #pause(pauseMs: number, late: AbortSignal): Promise<void> {
    const { health, drainProbes = 0 } = this.#options;
    const seen = new AbortController();
    if (health && drainProbes > 0) void health.seenStopping(drainProbes).then(() => seen.abort());
    await this.#clock.sleep(pauseMs, AbortSignal.any([late, seen.signal])).catch(() => {});
  }

  #closeIdle(): void {
    this.#server.closeIdleConnections();
    // Node takes a connection on which nothing has come yet for a busy one.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  async #runOnClose(): Promise<void> {
    await this.#options.onClose?.();
  }
}

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true }));

export interface SignalOptions {
  /** Told of each step, for the log. */
  readonly tell?: (message: string) => void;
  /** Default: `process.exit`. */
  readonly exit?: (code: number) => void;
  /** What emits the signals. Default: the process. */
  readonly signals?: Pick<NodeJS.EventEmitter, 'on'>;
}

/**
 * SIGTERM and SIGINT end it gracefully, then the process: 0 if everything was finished, else 1. A second signal ends the
 * process at once. SIGINT has no drain pause: it comes from a person at a terminal, not from who takes a replica out.
 */
export const shutDownOnSignals = (shutdown: GracefulShutdown, options: SignalOptions = {}): void => {
  const exit = options.exit ?? ((code) => process.exit(code));
  let count = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    (options.signals ?? process).on(signal, () => {
      if (++count > 1) {
        options.tell?.(`${signal} again: ending at once`);
        exit(1);
        return;
      }
      options.tell?.(`${signal}: not ready any more; finishing what is in flight`);
      shutdown.stop(signal === 'SIGINT' ? 0 : undefined).then(
        (finished) => {
          options.tell?.(finished ? 'everything is finished' : 'the deadline has passed: what was left is cut');
          exit(finished ? 0 : 1);
        },
        (error: Error) => {
          options.tell?.(`closing failed: ${error.message}`);
          exit(1);
        },
      );
    });
};
