import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Http2Counters } from '@weft/wire/http2/counters';
import { CONNECTION_LOST, errorCodes } from '@weft/wire/http2/error-codes';
import type { Http2ResponseSink, Http2SessionEvents } from '@weft/wire/http2/events';
import type { Http2ResponseHead } from '@weft/wire/http2/heads';
import { defaultHttp2Options } from '@weft/wire/http2/options';
import { Http2Session } from '@weft/wire/http2/session';
import type { Http2Stream } from '@weft/wire/http2/stream';
import type { ClientTls, Host } from '../context.ts';
import { flushLater } from '../http2/flush-turn.ts';
import type { ConnectionEvents, connectUpstream } from './connect.ts';

/** Whose bytes go in tunnels, by what their TLS is made with; a rotated certificate makes other sessions. */
const sessions = new WeakMap<ClientTls, Map<string, HboneSession>>();

/**
 * A connection to a host by HBONE: mutual TLS to the tunnel port of its address, HTTP/2, and in it a CONNECT to the host's
 * own port. Connections to the ports of one address share a session, which ends with the last of them. `connect` makes the connection that the tunnels are in.
 * https://istio.io/latest/docs/ambient/architecture/hbone/
 */
export const connectHbone = (
  host: Host,
  tls: ClientTls,
  tunnelPort: number,
  events: ConnectionEvents,
  connect: typeof connectUpstream,
): Socket => {
  let byAddress = sessions.get(tls);
  if (byAddress === undefined) sessions.set(tls, (byAddress = new Map()));
  let session = byAddress.get(host.address);
  if (session === undefined || !session.takesMore) {
    session = new HboneSession(host, tls, tunnelPort, connect);
    byAddress.set(host.address, session);
  }
  const socket = new HboneSocket(session, host, events);
  session.open(socket);
  // What it has of a socket is what connections use.
  return socket as unknown as Socket;
};

class HboneSession implements ConnectionEvents, Http2SessionEvents {
  readonly socket: Socket;
  principal = '';
  /** Null until the handshake is done. */
  #session: Http2Session | null = null;
  #closed = false;
  readonly #waiting: HboneSocket[] = [];
  #streams = 0;

  constructor(host: Host, tls: ClientTls, port: number, connect: typeof connectUpstream) {
    const { address, lookup, config, pool } = host;
    const tunnel = { ...host, address, lookup, config, pool, port, tls: host.tls && { ...host.tls, tunnelPort: 0 } };
    this.socket = connect(tunnel, tls, undefined, this, ['h2']);
  }

  get takesMore(): boolean {
    return !this.#closed && (this.#session === null || !this.#session.draining);
  }

  open(socket: HboneSocket): void {
    this.#streams++;
    if (this.#session === null) this.#waiting.push(socket);
    else this.#connect(this.#session, socket);
  }

  #connect(session: Http2Session, socket: HboneSocket): void {
    const stream = session.openStream(socket, 'CONNECT', '', socket.authority, '', '', [], [], false);
    if (stream === null) socket.destroy(new Error('the tunnel takes no more streams'));
    else socket.opened(stream);
  }

  /** One of its sockets is gone. */
  left(): void {
    this.#streams--;
    if (this.#streams > 0 || this.#closed) return;
    this.#closed = true;
    this.#session?.goaway(errorCodes.NO_ERROR);
    this.#session?.flush();
    this.socket.destroySoon();
  }

  // ─── its connection ───

  onConnected(principal: string): void {
    this.principal = principal;
    const { socket } = this;
    const output = { write: (buffer: Buffer, written: () => void) => socket.write(buffer, written) };
    this.#session = new Http2Session('client', defaultHttp2Options, output, this, new Http2Counters());
    this.#session.start();
    for (const waiting of this.#waiting.splice(0)) this.#connect(this.#session, waiting);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#session?.push(buffer, start, end);
  }

  onSession(): void {}

  onEof(): void {
    this.socket.destroy();
  }

  onDrain(): void {
    this.#session?.drained();
  }

  onClosed(error: Error | null): void {
    this.#closed = true;
    this.#session?.stop();
    for (const waiting of this.#waiting.splice(0)) waiting.destroy(error ?? new Error('Connection reset by peer'));
  }

  // ─── Http2SessionEvents ───

  onStream(stream: Http2Stream): void {
    stream.reset(errorCodes.REFUSED_STREAM);
  }

  onGoaway(): void {}
  onSettings(): void {}
  onPing(): void {}
  onStreamClosed(): void {}

  onSessionError(): void {
    this.#session?.flush();
    this.socket.destroySoon();
  }

  onDirty(session: Http2Session): void {
    flushLater(session);
  }
}

/** The inside of a tunnel, as a socket. */
class HboneSocket extends Duplex implements Http2ResponseSink {
  readonly authority: string;
  readonly remoteAddress: string;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #session: HboneSession;
  readonly #events: ConnectionEvents;
  #stream: Http2Stream | null = null;
  /** A write that waits for room. */
  #held: (() => void) | null = null;

  constructor(session: HboneSession, host: Host, events: ConnectionEvents) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.#events = events;
    this.remoteAddress = host.address;
    this.authority = `${host.address.includes(':') ? `[${host.address}]` : host.address}:${host.port}`;
    this.on('data', (bytes: Buffer) => events.onBytes(bytes, 0, bytes.length));
  }

  get localAddress(): string | undefined {
    return this.#session.socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#session.socket.localPort;
  }

  opened(stream: Http2Stream): void {
    this.#stream = stream;
  }

  // ─── what else connections ask of a socket ───

  setKeepAlive(): void {}

  isSessionReused(): boolean {
    return false;
  }

  destroySoon(): void {
    this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  // ─── the stream ───

  onHead({ status }: Http2ResponseHead): void {
    if (status < 200) return;
    if (status < 300) this.#events.onConnected(this.#session.principal);
    else this.destroy(new Error(`the tunnel answers ${status}`));
  }

  onData(buffer: Buffer, start: number, end: number): void {
    this.bytesRead += end - start;
    if (!this.push(Buffer.from(buffer.subarray(start, end)))) this.#stream?.pauseReading();
  }

  onEnd(): void {
    this.push(null);
  }

  onReset(code: number): void {
    this.destroy(new Error(code === CONNECTION_LOST ? 'Connection reset by peer' : 'the tunnel was reset'));
  }

  onWritable(): void {
    const go = this.#held;
    this.#held = null;
    go?.();
  }

  // ─── Duplex ───

  override _read(): void {
    this.#stream?.resumeReading();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const stream = this.#stream;
    if (stream === null) {
      done();
      return;
    }
    this.bytesWritten += chunk.length;
    stream.data(chunk, 0, chunk.length);
    if (stream.blocked) this.#held = done;
    else done();
  }

  override _final(done: () => void): void {
    if (this.#stream !== null && !this.#stream.localEnded) this.#stream.end([]);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#stream !== null && !this.#stream.closed) this.#stream.reset(errorCodes.CANCEL);
    this.#held = null;
    this.#session.left();
    done(error);
  }
}
