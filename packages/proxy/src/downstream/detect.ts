import type { Socket } from 'node:net';
import type { ListenerConfig } from '@weft/traffic/runtime-config';
import { sniffHttp } from '@weft/wire/detect/http-preface';
import type { Endpoint } from '@weft/wire/proxy-protocol/header';
import { readProxyHeader } from '@weft/wire/proxy-protocol/read-header';
import { MAX_CLIENT_HELLO_BYTES, sniffClientHello } from '@weft/wire/tls/client-hello';
import type { ListenerStats } from '../stats/listener-stats.ts';
import { type TimerTarget, WheelTimer } from '../timer-wheel.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

/** Whose connection a load balancer says that it is. */
export interface ProxiedAddresses {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** What is known of a connection before a byte of it is interpreted. */
export interface Detected {
  readonly transport: 'tls' | 'raw_buffer';
  /** TLS: lower case, as asked for. */
  readonly serverName: string;
  /** TLS: what the client offers. Else `http/1.0`, `http/1.1` or `h2c`, where that was looked for and found. */
  readonly protocols: readonly string[];
  /** Null: the connection's own count. */
  readonly addresses: ProxiedAddresses | null;
}

export const plaintext: Detected = { transport: 'raw_buffer', serverName: '', protocols: [], addresses: null };

/** Called once with the answer and the bytes seen; not at all if the connection ended before. */
export type OnDetected = (socket: Socket, detected: Detected, seen: Buffer | null) => void;

/** Whether a listener has to see the first bytes. */
export const inspects = ({ inspectTls, inspectHttp, proxyProtocol }: ListenerConfig): boolean =>
  inspectTls || inspectHttp || proxyProtocol !== null;

/**
 * Reads as far as it takes to tell what a connection is: a PROXY header comes off first, then TLS or not (tls_inspector),
 * then HTTP or not (http_inspector). All of it together has one timeout.
 */
export class Detection implements TimerTarget {
  readonly #socket: Socket;
  readonly #config: ListenerConfig;
  readonly #upstreams: Upstreams;
  readonly #done: OnDetected;
  readonly #stats: ListenerStats;
  readonly #timer = new WheelTimer(this, 'detection');
  #seen: Buffer | null = null;
  #headerAwaited: boolean;
  #addresses: ProxiedAddresses | null = null;

  constructor(socket: Socket, config: ListenerConfig, upstreams: Upstreams, stats: ListenerStats, done: OnDetected) {
    this.#stats = stats;
    stats.downstream_pre_cx_active++;
    this.#socket = socket;
    this.#config = config;
    this.#upstreams = upstreams;
    this.#done = done;
    this.#headerAwaited = config.proxyProtocol !== null;
    socket.on('data', this.#onData);
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
    if (config.inspectorTimeoutMs > 0) upstreams.arm(this.#timer, config.inspectorTimeoutMs);
  }

  /** The client is silent: it may wait for the server to speak first. Whose connection it is must be known all the same. */
  onTimer(): void {
    this.#stats.downstream_pre_cx_timeout++;
    if (this.#config.continueOnInspectorTimeout && !this.#headerAwaited) this.#finish(plaintext);
    else this.#refuse();
  }

  readonly #onData = (bytes: Buffer): void => {
    const seen = this.#seen === null ? bytes : Buffer.concat([this.#seen, bytes]);
    this.#seen = seen;
    if (this.#headerAwaited && !this.#readHeader(seen)) return;
    this.#inspect(this.#seen);
  };

  /** False: more of it is needed, or the connection was refused. */
  #readHeader(seen: Buffer): boolean {
    const { proxyProtocol } = this.#config;
    const header = readProxyHeader(seen);
    if (header === 'more') return false;
    const missing = header === 'none';
    const refused = missing
      ? !proxyProtocol?.optional
      : header === 'bad' || !proxyProtocol?.versions.includes(header.version);
    if (refused) {
      this.#stats.downstream_proxy_protocol_error++;
      this.#refuse();
      return false;
    }
    this.#headerAwaited = false;
    if (missing || header === 'bad') return true;
    this.#addresses = header.addresses;
    this.#seen = seen.subarray(header.length);
    return true;
  }

  #inspect(seen: Buffer): void {
    const { inspectTls, inspectHttp } = this.#config;
    if (!inspectTls && !inspectHttp) return this.#finish(plaintext);
    if (seen.length === 0) return undefined;
    if (inspectTls) {
      const hello = sniffClientHello(seen);
      if (hello === 'more' && seen.length <= 2 * MAX_CLIENT_HELLO_BYTES) return undefined;
      if (typeof hello === 'object') {
        const { serverName, protocols } = hello;
        return this.#finish({ transport: 'tls', serverName, protocols, addresses: null });
      }
    }
    const http = inspectHttp ? sniffHttp(seen) : 'other';
    if (http === 'more') return undefined;
    return this.#finish(http === 'other' ? plaintext : { ...plaintext, protocols: [http] });
  }

  readonly #onGone = (): void => {
    this.#stats.downstream_listener_filter_remote_close++;
    this.#refuse();
  };

  #refuse(): void {
    this.#release();
    this.#socket.destroy();
  }

  #finish(detected: Detected): void {
    this.#release();
    this.#socket.pause();
    const seen = this.#seen !== null && this.#seen.length > 0 ? this.#seen : null;
    const addresses = this.#addresses;
    this.#done(this.#socket, addresses === null ? detected : { ...detected, addresses }, seen);
  }

  #release(): void {
    this.#stats.downstream_pre_cx_active--;
    this.#upstreams.wheel.disarm(this.#timer);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onGone);
    this.#socket.off('close', this.#onGone);
  }
}
