import type { ConnectionView } from '@weft/traffic/request';
import type { RequestMetrics } from '../telemetry.ts';

/** A request as the client's connection hands it to its exchange; valid during `begin` only, but for `headers`. */
export interface IncomingRequest {
  readonly method: string;
  /** Origin-form, absolute-form, `*`, or the authority of a CONNECT. */
  readonly target: string;
  /** `host`, or HTTP/2's `:authority`. */
  readonly host: string;
  /** Flat name, value pairs, names in lower case, without what belongs to a connection only. The exchange's from now on. */
  readonly headers: string[];
  /** What the connection is to be upgraded to (HTTP/2's `:protocol`), lower case; empty if nothing. */
  readonly upgrade: string;
  /** Length of the head. */
  readonly bytes: number;
  /** Names whose values no table of HPACK may keep, on no hop (RFC 7541 section 7.1.3); null or left out: none. */
  readonly neverIndexed?: readonly string[] | null;
}

/** Who is on the other side of a client's connection; the same for all its requests. */
export class DownstreamPeer {
  readonly view: ConnectionView;
  /** This peer's element of `x-forwarded-client-cert`; empty without mTLS. */
  readonly clientCert: string;
  readonly tls: boolean;
  /** The exchanges' own: metrics of the last request, and what they were looked up for. */
  metrics: RequestMetrics | null = null;
  metricsFor: readonly unknown[] = [];

  constructor(view: ConnectionView, clientCert: string, tls: boolean) {
    this.view = view;
    this.clientCert = clientCert;
    this.tls = tls;
  }
}

/**
 * Where an exchange's request came from and its response goes to, whatever the HTTP version. Heads and bytes are gathered
 * until `flush` or `end`; the port copies bytes, so buffers may be used again. In order: any number of `informational`,
 * one `respond`, `data`s, one `end`. Then either the request has ended too, and the exchange calls `exchangeEnded`, or
 * it asks `discardsRest`.
 */
export interface DownstreamPort {
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  readonly peer: DownstreamPeer;
  /** The client does not take what there is already: stop reading from the other side until `onDownstreamDrain`. */
  readonly blocked: boolean;
  /** Only where the client understands it. Written at once. */
  informational(status: number, reason: string, headers: readonly string[]): void;
  /**
   * The response's head. `openEnded`: a body follows whose length `headers` do not say. `upgrade`: what the connection
   * becomes, with status 101 as in HTTP/1.1 (other versions say it in their way), or `connect`, with 200.
   */
  respond(
    status: number,
    reason: string,
    headers: readonly string[],
    openEnded: boolean,
    upgrade: string,
    neverIndexed: readonly string[] | null,
  ): void;
  data(buffer: Buffer, start: number, end: number): void;
  end(trailers: readonly string[]): void;
  flush(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The client's connection takes no request after this one: nobody knows where it would begin. */
  lastExchange(): void;
  /**
   * The response is written, and the request has not come to its end. True: its rest will still come, to be thrown
   * away; false: it will not, and all is over now, as if `exchangeEnded` had been called.
   */
  discardsRest(): boolean;
  /** Request and response are complete: nothing more is called for this exchange. */
  exchangeEnded(): void;
  /** The response cannot be completed: all that is left is to break it off, so that the client notices. */
  destroy(): void;
  /** The response's head opened a tunnel: from now on bytes come as request data. */
  openTunnel(): void;
  /** Sends the end of the stream, where the tunnel's other side has. */
  endWriting(): void;
}
