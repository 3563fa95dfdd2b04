import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import type { InternalUpstreamTransport } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/internal_upstream/v3';
import type { CertificateConfig, TlsContextConfig } from '../tls-config.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required, typeOf, unpack } from './fields.ts';
import { compileTlsParams } from './tls-params.ts';
import { compileDataSource, compileValidation } from './tls-validation.ts';

const PACKAGE = 'envoy.extensions.transport_sockets';

/** Null: plaintext, because there is no transport socket or it is `raw_buffer`. */
export const compileTransportSocket = (
  json: TransportSocket | undefined,
  side: 'downstream' | 'upstream',
  path: string,
): TlsContextConfig | null => {
  if (!json) return null;
  const any = required(json.typedConfig, at(path, 'typedConfig'));
  const here = at(path, 'typedConfig');
  const type = typeOf(any);
  if (type === `${PACKAGE}.raw_buffer.v3.RawBuffer`) return null;
  if (side === 'downstream' && type === `${PACKAGE}.tls.v3.DownstreamTlsContext`) return downstream(unpack(any), here);
  if (side === 'upstream' && type === `${PACKAGE}.tls.v3.UpstreamTlsContext`) return upstream(unpack(any), here);
  if (side === 'upstream' && type === `${PACKAGE}.internal_upstream.v3.InternalUpstreamTransport`) {
    return tunnel(unpack(any), here);
  }
  return fail(at(here, '@type'), `${type} is not supported`);
};

const HBONE_PORT = 15_008;

/** The transport socket of a connection that goes inside of another: of HBONE, the inner one is what the tunnel is made with. */
const tunnel = (json: InternalUpstreamTransport, path: string): TlsContextConfig => {
  onlyKnown(json, path, ['transportSocket'], ['passthroughMetadata']);
  const here = at(path, 'transportSocket');
  const tls = compileTransportSocket(json.transportSocket, 'upstream', here);
  return tls === null ? fail(here, 'must be mutual TLS') : { ...tls, tunnelPort: HBONE_PORT };
};

const downstream = (json: DownstreamTlsContext, path: string): TlsContextConfig => {
  onlyKnown(
    json,
    path,
    ['commonTlsContext', 'requireClientCertificate'],
    [
      'sessionTimeout',
      'disableStatelessSessionResumption',
      'disableStatefulSessionResumption',
      'preferClientCiphers',
      'ocspStaplePolicy',
      'fullScanCertsOnSniMismatch',
    ],
  );
  const requireClientCertificate = json.requireClientCertificate ?? false;
  const common = at(path, 'commonTlsContext');
  const { acceptUntrusted, ...context } = commonContext(json.commonTlsContext ?? {}, common);
  if (context.certificates.length === 0) fail(at(common, 'tlsCertificates'), 'is required');
  if (acceptUntrusted) {
    fail(at(common, 'validationContext.trustChainVerification'), 'would let any client pass for another');
  }
  if (requireClientCertificate && context.roots === null) {
    fail(at(common, 'validationContext'), 'is required, or any client certificate would do');
  }
  return { ...context, requireClientCertificate, sni: '' };
};

const upstream = (json: UpstreamTlsContext, path: string): TlsContextConfig => {
  onlyKnown(json, path, ['commonTlsContext', 'sni'], ['maxSessionKeys', 'enforceRsaKeyUsage']);
  const common = at(path, 'commonTlsContext');
  const { acceptUntrusted, ...context } = commonContext(json.commonTlsContext ?? {}, common);
  if (context.certificates.length > 1) fail(at(common, 'tlsCertificates'), 'more than one is not supported');
  if (context.roots === null && !acceptUntrusted) {
    const hint = 'is required, or any server certificate would do (ACCEPT_UNTRUSTED says that outright)';
    fail(at(common, 'validationContext'), hint);
  }
  return { ...context, ...(acceptUntrusted && { roots: null }), requireClientCertificate: false, sni: json.sni ?? '' };
};

type Common = Omit<TlsContextConfig, 'requireClientCertificate' | 'sni'> & { readonly acceptUntrusted: boolean };

const commonContext = (json: CommonTlsContext, path: string): Common => {
  onlyKnown(json, path, [
    'tlsParams',
    'tlsCertificates',
    'tlsCertificateSdsSecretConfigs',
    'validationContext',
    'validationContextSdsSecretConfig',
    'combinedValidationContext',
    'alpnProtocols',
  ]);
  const { roots, crl, peerSans, acceptUntrusted } = compileValidation(json, path);
  return {
    certificates: certificatesOf(json, path),
    roots,
    crl,
    peerSans,
    acceptUntrusted,
    alpn: [...(json.alpnProtocols ?? [])],
    ...compileTlsParams(json.tlsParams, at(path, 'tlsParams')),
  };
};

const certificatesOf = (json: CommonTlsContext, path: string): CertificateConfig[] => [
  ...(json.tlsCertificateSdsSecretConfigs ?? []).map(({ name }, i) => ({
    kind: 'secret' as const,
    name: required(name, at(at(at(path, 'tlsCertificateSdsSecretConfigs'), i), 'name')),
  })),
  ...(json.tlsCertificates ?? []).map((certificate, i) => {
    const here = at(at(path, 'tlsCertificates'), i);
    onlyKnown(certificate, here, ['certificateChain', 'privateKey'], ['watchedDirectory', 'ocspStaple']);
    const chain = required(certificate.certificateChain, at(here, 'certificateChain'));
    const key = required(certificate.privateKey, at(here, 'privateKey'));
    return {
      kind: 'data' as const,
      chain: compileDataSource(chain, at(here, 'certificateChain')),
      key: compileDataSource(key, at(here, 'privateKey')),
    };
  }),
];
