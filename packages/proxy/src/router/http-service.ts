import type { HttpConnectionManagerConfig, TrafficDirection } from '@weft/traffic/runtime-config';
import type { ProxyContext } from '../context.ts';
import type { HttpStats } from '../stats/http-stats.ts';
import type { AccessLogSink } from '../telemetry.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import type { Exchange } from './exchange.ts';

/** What one filter chain gives the requests of its connections; made when the configuration arrives, then constant. */
export interface HttpService {
  readonly context: ProxyContext;
  readonly upstreams: Upstreams;
  readonly manager: HttpConnectionManagerConfig;
  readonly direction: TrafficDirection;
  readonly stats: HttpStats;
  readonly accessLogs: readonly AccessLogSink[];
  /** Null: requests are not traced. */
  readonly tracer: Tracer | null;
  /** Where the listener listens: an endpoint with this address is ourselves. */
  readonly address: string;
  readonly port: number;
  /** Filters, route, first attempt or reply. Called once the head of a request is there. */
  handle(exchange: Exchange): void;
}
