import type { Cluster } from '@weft/xds-api/gen/envoy/config/cluster/v3';
import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { UpstreamTlsContext } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import { extension } from '../typed.ts';

/** What a client's bootstrap calls its certificate and the mesh's roots. */
const CERTIFICATE_PROVIDER = 'default';

/**
 * A cluster as gRPC's clients take it: by endpoints, ROUND_ROBIN or RING_HASH, with a limit of requests in flight and outlier
 * detection. Mutual TLS only where a DestinationRule asks for ISTIO_MUTUAL: a client cannot choose by endpoint, and says
 * itself whether it takes such credentials at all (https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
 */
export const grpcCluster = (cluster: Cluster): Cluster => {
  const { name, edsClusterConfig, outlierDetection, metadata, transportSocket, ringHashLbConfig } = cluster;
  const ring = cluster.lbPolicy === 'RING_HASH';
  const maxRequests = cluster.circuitBreakers?.thresholds?.[0]?.maxRequests;
  return {
    ...(name !== undefined && { name }),
    type: 'EDS',
    edsClusterConfig: {
      edsConfig: { ads: {}, resourceApiVersion: 'V3' },
      ...(edsClusterConfig?.serviceName !== undefined && { serviceName: edsClusterConfig.serviceName }),
    },
    lbPolicy: ring ? 'RING_HASH' : 'ROUND_ROBIN',
    ...(ring && ringHashLbConfig && { ringHashLbConfig }),
    ...(maxRequests !== undefined && { circuitBreakers: { thresholds: [{ maxRequests }] } }),
    ...(outlierDetection && { outlierDetection }),
    ...(transportSocket && grpcTls(transportSocket)),
    ...(metadata && { metadata }),
  };
};

const grpcTls = ({ typedConfig }: TransportSocket): { transportSocket?: TransportSocket } => {
  const { commonTlsContext } = (typedConfig ?? {}) as UpstreamTlsContext;
  if (!commonTlsContext?.combinedValidationContext) return {};
  const peers = commonTlsContext.combinedValidationContext.defaultValidationContext?.matchTypedSubjectAltNames ?? [];
  const provider = { instanceName: CERTIFICATE_PROVIDER, certificateName: 'default' };
  return {
    transportSocket: extension(
      'envoy.transport_sockets.tls',
      'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      {
        commonTlsContext: {
          tlsCertificateProviderInstance: provider,
          combinedValidationContext: {
            defaultValidationContext: {
              caCertificateProviderInstance: { instanceName: CERTIFICATE_PROVIDER, certificateName: 'ROOTCA' },
              matchSubjectAltNames: peers.map(({ matcher }) => matcher ?? {}),
            },
          },
        },
      } satisfies UpstreamTlsContext,
    ),
  };
};
