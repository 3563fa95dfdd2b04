import type { Socket } from 'node:net';
import type { ListenerConfig } from '@weft/traffic/runtime-config';
import { MAX_CLIENT_HELLO_BYTES, sniffClientHello } from '@weft/wire/tls/client-hello';
import type { ListenerStats } from '../stats/listener-stats.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

/** What is known of a connection before a byte of it is interpreted. */
export interface Detected {
  readonly transport: 'tls' | 'raw_buffer';
  readonly serverName: string;
  readonly protocols: readonly string[];
}

export const plaintext: Detected = { transport: 'raw_buffer', serverName: '', protocols: [] };

/** Called once with the answer and the bytes seen; not at all if the connection ended before. */
export type OnDetected = (socket: Socket, detected: Detected, seen: Buffer | null) => void;

/** Reads until the first bytes tell whether the connection is TLS (tls_inspector). */
export class Detection implements TimerTarget {
  readonly #socket: Socket;
  readonly #config: ListenerConfig;
  readonly #upstreams: Upstreams;
  readonly #done: OnDetected;
  readonly #stats: ListenerStats;
  readonly #timer = new WheelTimer(this, 'detection');
  #seen: Buffer | null = null;

  constructor(socket: Socket, config: ListenerConfig, upstreams: Upstreams, stats: ListenerStats, done: OnDetected) {
    this.#stats = stats;
    stats.downstream_pre_cx_active++;
    this.#socket = socket;
    this.#config = config;
    this.#upstreams = upstreams;
    this.#done = done;
    socket.on('data', this.#onData);
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
    if (config.inspectorTimeoutMs > 0) upstreams.arm(this.#timer, config.inspectorTimeoutMs);
  }

  /** The client is silent: it may wait for the server to speak first. */
  onTimer(): void {
    this.#stats.downstream_pre_cx_timeout++;
    if (this.#config.continueOnInspectorTimeout) this.#finish(plaintext);
    else this.#socket.destroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    const seen = this.#seen === null ? bytes : Buffer.concat([this.#seen, bytes]);
    this.#seen = seen;
    const sniffed = sniffClientHello(seen);
    if (sniffed === 'more' && seen.length <= 2 * MAX_CLIENT_HELLO_BYTES) return;
    if (typeof sniffed === 'string') this.#finish(plaintext);
    else this.#finish({ transport: 'tls', serverName: sniffed.serverName, protocols: sniffed.protocols });
  };

  readonly #onGone = (): void => {
    this.#stats.downstream_listener_filter_remote_close++;
    this.#release();
    this.#socket.destroy();
  };

  #finish(detected: Detected): void {
    this.#release();
    this.#socket.pause();
    this.#done(this.#socket, detected, this.#seen);
  }

  #release(): void {
    this.#stats.downstream_pre_cx_active--;
    this.#upstreams.wheel.disarm(this.#timer);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
  }
}
