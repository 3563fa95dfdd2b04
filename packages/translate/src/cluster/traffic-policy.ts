import type { DestinationRule, Subset } from '@weft/model/kinds/destination-rule';
import type { PortTrafficPolicy, TrafficPolicy } from '@weft/model/kinds/traffic-policy';

/** What holds for one port: a policy without settings of ports. */
export type EffectivePolicy = Omit<PortTrafficPolicy, 'port'>;

/**
 * The policy of a port of a host, or of a subset of it. A subset's policy overlays the host's field by field, at the top
 * level; settings of a port replace all of those fields and inherit none.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
 */
export const effectivePolicy = (
  rule: DestinationRule | undefined,
  subset: Subset | undefined,
  port: number,
): EffectivePolicy => overlay(overlay({}, rule?.trafficPolicy, port), subset?.trafficPolicy, port);

const overlay = (below: EffectivePolicy, policy: TrafficPolicy | undefined, port: number): EffectivePolicy => {
  if (!policy) return below;
  const ofPort = policy.portLevelSettings?.find((p) => p.port.number === port);
  if (ofPort) return ofPort;
  return {
    loadBalancer: policy.loadBalancer ?? below.loadBalancer,
    connectionPool: policy.connectionPool ?? below.connectionPool,
    outlierDetection: policy.outlierDetection ?? below.outlierDetection,
    tls: policy.tls ?? below.tls,
  };
};
