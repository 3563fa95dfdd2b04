import type { ConfigSource, TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  CommonTlsContext,
  DownstreamTlsContext,
  SdsSecretConfig,
  TlsParameters,
  UpstreamTlsContext,
} from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import { extension } from './typed.ts';

/** SDS names: the workload's own certificate, and the mesh's roots. */
export const CERTIFICATE_SECRET = 'default';
export const ROOT_SECRET = 'ROOTCA';
/** The operating system's roots, where the data plane runs; Istio's name for them. */
export const SYSTEM_ROOTS = 'file-root:system';

/** The cluster of Envoy's bootstrap where `weft agent` serves secrets; the control plane has none. */
const SDS_CLUSTER = 'sds-grpc';

/** What sidecars offer to each other, and what tells their connections from an application's own TLS. */
export const MESH_ALPN = 'istio';

/** What a sidecar offers first for bytes that are no HTTP, as Istio's do; ours adds it by itself. */
export const PEER_EXCHANGE_ALPN = 'istio-peer-exchange';

/** As `MESH_ALPN`, with what Istio's own sidecars offer. */
export const MESH_ALPNS: readonly string[] = [
  MESH_ALPN,
  PEER_EXCHANGE_ALPN,
  'istio-http/1.0',
  'istio-http/1.1',
  'istio-h2',
];

export const sds = (name: string): SdsSecretConfig => ({ name, sdsConfig });

const sdsConfig: ConfigSource = {
  apiConfigSource: {
    apiType: 'GRPC',
    transportApiVersion: 'V3',
    grpcServices: [{ envoyGrpc: { clusterName: SDS_CLUSTER } }],
    setNodeOnFirstMessageOnly: true,
  },
  initialFetchTimeout: '0s',
  resourceApiVersion: 'V3',
};

/** Envoy, as a client, stops at 1.2 unless told. */
export const TLS_VERSIONS: TlsParameters = {
  tlsMinimumProtocolVersion: 'TLSv1_2',
  tlsMaximumProtocolVersion: 'TLSv1_3',
};

const mutualTls = (peers: readonly StringMatcher[], alpn: readonly string[]): CommonTlsContext => ({
  tlsParams: TLS_VERSIONS,
  alpnProtocols: [...alpn],
  tlsCertificateSdsSecretConfigs: [sds(CERTIFICATE_SECRET)],
  combinedValidationContext: {
    defaultValidationContext: { matchTypedSubjectAltNames: peers.map((matcher) => ({ sanType: 'URI', matcher })) },
    validationContextSdsSecretConfig: sds(ROOT_SECRET),
  },
});

const TLS = 'envoy.extensions.transport_sockets.tls.v3';

/**
 * What a sidecar takes where it speaks HTTP, best first. Who offers `istio` alone leaves the version to the first bytes: our
 * proxy must name what it takes, while Envoy looks at the bytes only where nothing was agreed on.
 */
export const HTTP_ALPN: Readonly<Record<'weft' | 'envoy', readonly string[]>> = {
  weft: ['h2', 'http/1.1', MESH_ALPN],
  envoy: ['h2', 'http/1.1'],
};

/** Mutual TLS that takes any workload of the trust domain; `alpn` in the order of preference. */
export const meshServerTls = (trustDomain: string, alpn: readonly string[]): TransportSocket =>
  extension('envoy.transport_sockets.tls', `${TLS}.DownstreamTlsContext`, {
    commonTlsContext: mutualTls([{ prefix: `spiffe://${trustDomain}/` }], alpn),
    requireClientCertificate: true,
  } satisfies DownstreamTlsContext);

/** Mutual TLS with a peer that must be one of `peers`. */
export const meshClientTls = (sni: string, peers: readonly StringMatcher[], alpn: readonly string[]): TransportSocket =>
  extension('envoy.transport_sockets.tls', `${TLS}.UpstreamTlsContext`, {
    commonTlsContext: mutualTls(peers, alpn),
    sni,
  } satisfies UpstreamTlsContext);

export const plaintext: TransportSocket = extension(
  'envoy.transport_sockets.raw_buffer',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
  {},
);
