import type { Random } from '@weft/base/random';
import type { Http2Keepalive } from '@weft/traffic/http2-settings';
import type { Http2Session } from '@weft/wire/http2/session';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

/**
 * Sees by PING whether the other side of a session is there: at intervals, and before a request after silence.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/protocol.proto#config-core-v3-keepalivesettings
 */
export class Keepalive implements TimerTarget {
  readonly #settings: Http2Keepalive;
  readonly #session: Http2Session;
  readonly #upstreams: Upstreams;
  readonly #random: Random;
  readonly #onDead: () => void;
  readonly #timer = new WheelTimer(this, 'interval');
  readonly #timeout = new WheelTimer(this, 'timeout');
  #lastBytesMs: number;

  /** `onDead`: a PING was not answered in time. */
  constructor(settings: Http2Keepalive, session: Http2Session, upstreams: Upstreams, onDead: () => void) {
    this.#settings = settings;
    this.#session = session;
    this.#upstreams = upstreams;
    this.#random = upstreams.context.random;
    this.#onDead = onDead;
    this.#lastBytesMs = upstreams.context.clock.monotonic();
    this.#wait();
  }

  /** Bytes came. */
  heard(): void {
    this.#lastBytesMs = this.#upstreams.context.clock.monotonic();
  }

  /** A request is about to begin. */
  beforeRequest(): void {
    const { idleIntervalMs } = this.#settings;
    if (idleIntervalMs === 0 || this.#timeout.armed) return;
    if (this.#upstreams.context.clock.monotonic() - this.#lastBytesMs >= idleIntervalMs) this.#ping();
  }

  /** The session's `onPing`. */
  answered(): void {
    if (!this.#timeout.armed) return;
    this.#upstreams.wheel.disarm(this.#timeout);
    this.#wait();
  }

  stop(): void {
    this.#upstreams.wheel.disarm(this.#timer);
    this.#upstreams.wheel.disarm(this.#timeout);
  }

  onTimer(kind: string): void {
    if (kind === 'timeout') this.#onDead();
    else this.#ping();
  }

  #ping(): void {
    this.#upstreams.wheel.disarm(this.#timer);
    this.#session.ping();
    this.#upstreams.arm(this.#timeout, this.#settings.timeoutMs);
  }

  #wait(): void {
    const { intervalMs, jitterPercent } = this.#settings;
    if (intervalMs > 0) this.#upstreams.arm(this.#timer, intervalMs * (1 + (jitterPercent / 100) * this.#random()));
  }
}
