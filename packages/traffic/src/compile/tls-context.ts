import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  CertificateValidationContext,
  CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';
import type { TlsContextConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown, required, typeOf, unpack } from './fields.ts';

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
  return fail(at(here, '@type'), `${type} is not supported`);
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
    ],
  );
  const requireClientCertificate = json.requireClientCertificate ?? false;
  const common = commonContext(json.commonTlsContext ?? {}, at(path, 'commonTlsContext'));
  if (!common.certificateSecret) fail(at(path, 'commonTlsContext.tlsCertificateSdsSecretConfigs'), 'is required');
  if (requireClientCertificate && !common.validationSecret) {
    fail(
      at(path, 'commonTlsContext.validationContextSdsSecretConfig'),
      'is required, or any client certificate would do',
    );
  }
  return { ...common, requireClientCertificate, sni: '' };
};

const upstream = (json: UpstreamTlsContext, path: string): TlsContextConfig => {
  onlyKnown(json, path, ['commonTlsContext', 'sni'], ['maxSessionKeys', 'enforceRsaKeyUsage']);
  const common = commonContext(json.commonTlsContext ?? {}, at(path, 'commonTlsContext'));
  if (!common.validationSecret) {
    fail(
      at(path, 'commonTlsContext.validationContextSdsSecretConfig'),
      'is required, or any server certificate would do',
    );
  }
  return { ...common, requireClientCertificate: false, sni: json.sni ?? '' };
};

const commonContext = (
  json: CommonTlsContext,
  path: string,
): Pick<TlsContextConfig, 'certificateSecret' | 'validationSecret' | 'peerSans' | 'alpn'> => {
  onlyKnown(json, path, [
    'tlsParams',
    'tlsCertificateSdsSecretConfigs',
    'validationContextSdsSecretConfig',
    'combinedValidationContext',
    'alpnProtocols',
  ]);
  checkVersions(json, at(path, 'tlsParams'));
  const certificates = json.tlsCertificateSdsSecretConfigs ?? [];
  if (certificates.length > 1) fail(at(path, 'tlsCertificateSdsSecretConfigs'), 'more than one is not supported');
  const combined = json.combinedValidationContext;
  if (combined)
    onlyKnown(combined, at(path, 'combinedValidationContext'), [
      'defaultValidationContext',
      'validationContextSdsSecretConfig',
    ]);
  const validation = json.validationContextSdsSecretConfig ?? combined?.validationContextSdsSecretConfig;
  return {
    certificateSecret: certificates[0]?.name ?? '',
    validationSecret: validation?.name ?? '',
    peerSans: peerSans(
      combined?.defaultValidationContext ?? {},
      at(path, 'combinedValidationContext.defaultValidationContext'),
    ),
    alpn: [...(json.alpnProtocols ?? [])],
  };
};

/** 1.2 is the lowest version that is ever spoken, 1.3 the highest; narrower bounds and cipher lists are not there yet. */
const checkVersions = (json: CommonTlsContext, path: string): void => {
  const params = json.tlsParams;
  if (!params) return;
  onlyKnown(params, path, ['tlsMinimumProtocolVersion', 'tlsMaximumProtocolVersion']);
  oneOf(params.tlsMinimumProtocolVersion, 'TLS_AUTO', ['TLS_AUTO', 'TLSv1_2'], at(path, 'tlsMinimumProtocolVersion'));
  oneOf(params.tlsMaximumProtocolVersion, 'TLS_AUTO', ['TLS_AUTO', 'TLSv1_3'], at(path, 'tlsMaximumProtocolVersion'));
};

const peerSans = (json: CertificateValidationContext, path: string): TlsContextConfig['peerSans'] => {
  onlyKnown(json, path, ['matchTypedSubjectAltNames', 'matchSubjectAltNames'], ['suppressClientCaList']);
  const typed = (json.matchTypedSubjectAltNames ?? []).map((san, i) => {
    const here = at(at(path, 'matchTypedSubjectAltNames'), i);
    onlyKnown(san, here, ['sanType', 'matcher']);
    oneOf(san.sanType, 'SAN_TYPE_UNSPECIFIED', ['URI'], at(here, 'sanType'));
    return sanMatcher(required(san.matcher, at(here, 'matcher')), at(here, 'matcher'));
  });
  const untyped = (json.matchSubjectAltNames ?? []).map((san, i) =>
    sanMatcher(san, at(at(path, 'matchSubjectAltNames'), i)),
  );
  return [...typed, ...untyped];
};

const sanMatcher = (json: StringMatcher, path: string): TlsContextConfig['peerSans'][number] => {
  onlyKnown(json, path, ['exact', 'prefix']);
  if (json.exact) return { exact: json.exact };
  return json.prefix ? { prefix: json.prefix } : fail(path, 'says no name');
};
