import type { ApiListener, Listener } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type {
  HttpConnectionManager,
  HttpFilter,
} from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { FAULT_FILTER, FAULT_TYPE } from '../route/fault.ts';
import { any, extension } from '../typed.ts';

const filters: HttpFilter[] = [
  extension(FAULT_FILTER, FAULT_TYPE, {}),
  extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', {}),
];

/** Where a client begins: the listener whose name is its target (`xds:///reviews:9080`) says by which routes to go on. */
export const apiListener = (target: string, routeConfigName: string): Listener => ({
  name: target,
  apiListener: {
    apiListener: any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName },
      httpFilters: filters,
    } satisfies HttpConnectionManager),
  } satisfies ApiListener,
});
