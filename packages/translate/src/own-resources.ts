import type { Mesh } from '@weft/model/mesh';
import { proxyPorts } from '@weft/model/proxy-ports';
import { inboundClusterOf, tunnelCluster } from './cluster/inbound.ts';
import { hboneClusterOf, hboneListener, takesHbone } from './listener/hbone.ts';
import { inboundListener, inboundPorts } from './listener/inbound.ts';
import { httpProxyListener, tcpListeners, tcpTunnels } from './listener/outbound.ts';
import { remember } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';
import { noResources, type ResourceSet } from './resource-set.ts';
import { ownStampsOf } from './view/own-stamps.ts';

const PROXY_PORTS: ReadonlySet<number> = new Set(Object.values(proxyPorts));

/** What one proxy alone is told: the listeners at its address, and the clusters that lead back to them and to its application. */
export const ownResources = (mesh: Mesh, node: ProxyNode): ResourceSet => {
  const { pod, bindAddress, dataPlane } = node;
  const key = `${bindAddress} ${dataPlane}`;
  return remember(pod, `own ${key}`, ownStampsOf(mesh).of(pod.namespace), () => {
    const ports = [...inboundPorts(mesh, pod)].filter(([port]) => !PROXY_PORTS.has(port));
    const taken = new Set(ports.map(([port]) => port));
    const hbone = takesHbone(node) ? [...taken] : [];
    const listeners = sameList(pod, `listeners ${key}`, [
      httpProxyListener(mesh, node),
      ...tcpListeners(mesh, node, taken),
      ...ports.map(([port, protocol]) => inboundListener(mesh, node, port, protocol)),
      ...(hbone.length > 0 ? [hboneListener(mesh, node, hbone)] : []),
    ]);
    const clusters = sameList(pod, `clusters ${key}`, [
      ...ports.map(([port, protocol]) => inboundClusterOf(mesh, pod, port, protocol)),
      ...hbone.map((port) => hboneClusterOf(pod, bindAddress, port)),
      tunnelCluster(pod, bindAddress),
      ...tcpTunnels(mesh, node, taken),
    ]);
    return remember(pod, `both ${key}`, [listeners, clusters], () => ({ ...noResources, listeners, clusters }));
  });
};

/** The list as it was, if it has the same items. */
const sameList = <T>(anchor: object, key: string, items: readonly T[]): readonly T[] =>
  remember(anchor, `list ${key}`, items, () => items);
