import type { Pod } from '@weft/model/mesh';

/** A proxy to make resources for. */
export interface ProxyNode {
  readonly pod: Pod;
  /** Envoy gets as filters what our proxy does by itself; a gRPC client without a proxy gets what it understands. */
  readonly dataPlane: 'weft' | 'envoy' | 'grpc';
  /** Where its listeners bind: the pod's address, unless it has none of its own. */
  readonly bindAddress: string;
  /** Whether it takes virtual hosts as resources of their own (VHDS); else it gets a table of them. */
  readonly vhds?: boolean;
}
