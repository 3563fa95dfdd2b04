import type { AccessLogFormatSettings } from '@weft/telemetry/access-log';
import type { AccessRecord } from '@weft/telemetry/access-record';
import type { PeerLabels, RequestLabels, TcpLabels } from '@weft/telemetry/istio';

export type { AccessRecord, PeerLabels, RequestLabels, TcpLabels };

/**
 * Metrics and access log as the data path uses them. Handles are looked up once per combination and kept by the caller
 * (on the connection, route or host), so that a request costs a few additions.
 */
export interface ProxyTelemetry {
  /** Cached by all of its labels; call once per (peer, destination, route) and keep the handle with a small cache. */
  requests(labels: RequestLabels): RequestMetrics;
  tcp(labels: TcpLabels): TcpMetrics;
  accessLog(path: string, format: AccessLogFormatSettings | null): AccessLogSink;
}

export interface RequestMetrics {
  /** `grpcStatus` empty for plain HTTP; `flags` is `-` if nothing went wrong. */
  record(
    responseCode: number,
    flags: string,
    grpcStatus: string,
    durationMs: number,
    requestBytes: number,
    responseBytes: number,
  ): void;
}

export interface TcpMetrics {
  opened(): void;
  /** Bytes since the last time, of a connection that goes on. */
  transferred(receivedBytes: number, sentBytes: number): void;
  /** Bytes since the last time; `flags` is `-` if nothing went wrong. */
  closed(receivedBytes: number, sentBytes: number, flags: string): void;
}

export interface AccessLogSink {
  /** Must not keep the record: its strings are slices that hold the whole head of the request (docs/decisions/0004-margin.md). */
  write(record: AccessRecord): void;
}
