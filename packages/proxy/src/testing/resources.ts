const any = (type: string, message: object): object => ({ '@type': `type.googleapis.com/envoy.${type}`, ...message });

const commonTls = {
  alpnProtocols: ['istio'],
  tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: { ads: {} } }],
  validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: { ads: {} } },
};
const tls = 'extensions.transport_sockets.tls.v3';

export const mtlsUpstream = {
  name: 'tls',
  typedConfig: any(`${tls}.UpstreamTlsContext`, { commonTlsContext: commonTls, sni: 'outbound' }),
};
export const mtlsDownstream = {
  name: 'tls',
  typedConfig: any(`${tls}.DownstreamTlsContext`, { commonTlsContext: commonTls, requireClientCertificate: true }),
};

const endpointAt = (portValue: number) => ({
  endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue } } },
});

/** STATIC, with one endpoint on 127.0.0.1. */
export const clusterResource = (name: string, port: number) => ({
  name,
  type: 'STATIC',
  loadAssignment: { clusterName: name, endpoints: [{ lbEndpoints: [endpointAt(port)] }] },
});

/** A listener on 127.0.0.1 with one chain of HTTP; `transportSocket` where it ends TLS. */
export const httpListener = (name: string, port: number, manager: object, transportSocket?: object) => ({
  name,
  trafficDirection: transportSocket ? 'INBOUND' : 'OUTBOUND',
  address: { socketAddress: { address: '127.0.0.1', portValue: port } },
  ...(transportSocket && {
    listenerFilters: [
      { name: 'tls_inspector', typedConfig: any('extensions.filters.listener.tls_inspector.v3.TlsInspector', {}) },
    ],
  }),
  filterChains: [
    {
      ...(transportSocket && { filterChainMatch: { transportProtocol: 'tls' }, transportSocket }),
      filters: [
        {
          name: 'http',
          typedConfig: any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
            statPrefix: name,
            httpFilters: [{ name: 'router', typedConfig: any('extensions.filters.http.router.v3.Router', {}) }],
            ...manager,
          }),
        },
      ],
    },
  ],
});
