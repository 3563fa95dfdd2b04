/** Type URLs of the resources that travel by xDS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types). */
export const typeUrls = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routeConfiguration: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  virtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  clusterLoadAssignment: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/** gRPC methods. */
export const methods = {
  streamAggregatedResources: '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
  deltaAggregatedResources: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  streamSecrets: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
  createCertificate: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
} as const;
