import type { ConnectionView } from '@weft/traffic/request';
import { writeProxyHeader } from '@weft/wire/proxy-protocol/write-header';
import type { Cluster } from '../context.ts';

/** The PROXY header of a connection that one downstream connection has for itself; null where the cluster wants none. */
export const headerFor = ({ config }: Cluster, view: ConnectionView): Buffer | null =>
  config.proxyProtocol === 0
    ? null
    : writeProxyHeader(
        config.proxyProtocol,
        { address: view.sourceAddress, port: view.sourcePort },
        { address: view.destinationAddress, port: view.destinationPort },
      );

/** Of a connection that serves the requests of many: the proxy's own, on nobody's behalf. */
export const ownHeader = ({ config }: Cluster): Buffer | null =>
  config.proxyProtocol === 0 ? null : writeProxyHeader(config.proxyProtocol, null, null);
