import type { Mesh, Pod } from '@weft/model/mesh';
import type { Filter } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type {
  HttpConnectionManager,
  HttpFilter,
} from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { tracingOf } from '../tracing/http-tracing.ts';
import { extension } from '../typed.ts';
import { accessLogOf } from './access-log.ts';

const router: HttpFilter = extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {});

/**
 * What both directions have in common: paths normalised before any match (Istio's BASE), the `server` header left as it
 * is, streams without an idle timeout, either version of HTTP, the mesh's access logs and tracing.
 */
export const httpConnectionManager = (
  mesh: Mesh,
  pod: Pod,
  options: HttpConnectionManager,
  filters: readonly HttpFilter[],
): Filter =>
  extension(
    'envoy.filters.network.http_connection_manager',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      ...options,
      httpFilters: [...filters, router],
      normalizePath: true,
      serverHeaderTransformation: 'PASS_THROUGH',
      streamIdleTimeout: '0s',
      // WebSocket over HTTP/2 (RFC 8441), where upgradeConfigs allow it.
      http2ProtocolOptions: { allowConnect: true },
      ...accessLogOf(mesh),
      ...tracingOf(mesh, pod),
    } satisfies HttpConnectionManager,
  );
