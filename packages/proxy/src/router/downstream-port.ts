import type { ConnectionView } from '@weft/traffic/request';
import type { RequestMetrics } from '../telemetry.ts';
import type { MessageWriter } from './message-writer.ts';

/** The client's connection as an exchange sees it. */
export interface DownstreamPort {
  readonly view: ConnectionView;
  readonly writer: MessageWriter;
  /** This peer's element of `x-forwarded-client-cert`; empty without mTLS. */
  readonly clientCert: string;
  readonly tls: boolean;
  /** The connection takes another request after this one. */
  readonly keepAlive: boolean;
  /** For the exchange's use: metrics of the last request, and what they were looked up for. */
  metrics: RequestMetrics | null;
  metricsFor: readonly unknown[];
  pauseReading(): void;
  resumeReading(): void;
  /** Request and response are complete: go on with the next request, or close. */
  exchangeEnded(keepAlive: boolean): void;
  /** The response cannot be completed: all that is left is to close, so that the client notices. */
  destroy(): void;
  /** From now on bytes are not HTTP any more, and come as request data. */
  tunnel(): void;
  /** Sends the end of the stream, where the tunnel's other side has. */
  endWriting(): void;
}
