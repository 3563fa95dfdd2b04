import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';

/** PEM files that a gRPC client reads its credentials from, and reads again when they are rotated. */
export interface CredentialFiles {
  readonly certificate: string;
  readonly privateKey: string;
  readonly roots: string;
}

/**
 * What a proxyless gRPC client finds by `GRPC_XDS_BOOTSTRAP`
 * (https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md#xds-bootstrap-file): the agent's socket as
 * its control plane, and Istio's names: generator `grpc`, certificate provider `default`.
 */
export const grpcBootstrap = (bootstrap: ProxyBootstrap, socketPath: string, files: CredentialFiles): object => {
  const { id, cluster, locality, metadata } = bootstrap.node;
  const { WEFT_DATA_PLANE: _, ...said } = metadata;
  return {
    xds_servers: [
      {
        server_uri: `unix://${socketPath}`,
        channel_creds: [{ type: 'insecure' }],
        server_features: ['xds_v3'],
      },
    ],
    node: { id, cluster, locality, metadata: { ...said, GENERATOR: 'grpc' } },
    certificate_providers: {
      default: {
        plugin_name: 'file_watcher',
        config: {
          certificate_file: files.certificate,
          private_key_file: files.privateKey,
          ca_certificate_file: files.roots,
          refresh_interval: '60s',
        },
      },
    },
  };
};
