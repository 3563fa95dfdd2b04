import type { ClientTLSSettings } from '@weft/model/kinds/traffic-policy';
import type { Service } from '@weft/model/mesh';
import type { TransportSocket } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  CertificateValidationContext,
  CommonTlsContext,
  SubjectAltNameMatcher,
  UpstreamTlsContext,
} from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import { sds, SYSTEM_ROOTS, TLS_VERSIONS } from '../tls.ts';
import { extension } from '../typed.ts';

/**
 * TLS of a service's own (SIMPLE, or MUTUAL with a certificate from files), not the mesh's.
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
 *
 * Where Istio looks at no name unless `subjectAltNames` has some, here the server must at least be whom we ask for: of
 * the name in `sni`, else one by which the service is called.
 */
export const ownTls = (service: Service, tls: ClientTLSSettings, alpnProtocols: readonly string[]): TransportSocket =>
  extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    commonTlsContext: {
      tlsParams: TLS_VERSIONS,
      ...(alpnProtocols.length > 0 && { alpnProtocols: [...alpnProtocols] }),
      ...certificate(tls),
      ...validation(service, tls),
    },
    sni: tls.sni || service.host,
  } satisfies UpstreamTlsContext);

/** What a secret of Kubernetes would hold never comes to a sidecar, so a cluster that needs one takes no connection. */
const certificate = ({ mode, clientCertificate, privateKey, credentialName }: ClientTLSSettings): CommonTlsContext => {
  if (mode !== 'MUTUAL') return {};
  if (credentialName) return { tlsCertificateSdsSecretConfigs: [sds(`kubernetes://${credentialName}`)] };
  return {
    tlsCertificates: [
      { certificateChain: { filename: clientCertificate ?? '' }, privateKey: { filename: privateKey ?? '' } },
    ],
  };
};

const validation = (service: Service, tls: ClientTLSSettings): CommonTlsContext => {
  if (tls.insecureSkipVerify) return { validationContext: { trustChainVerification: 'ACCEPT_UNTRUSTED' } };
  const context: CertificateValidationContext = {
    ...(tls.caCertificates && { trustedCa: { filename: tls.caCertificates } }),
    ...(tls.caCrl && { crl: { filename: tls.caCrl } }),
    matchTypedSubjectAltNames: namesOf(service, tls).map(sanMatcher),
  };
  if (tls.caCertificates) return { validationContext: context };
  return {
    combinedValidationContext: {
      defaultValidationContext: context,
      validationContextSdsSecretConfig: sds(SYSTEM_ROOTS),
    },
  };
};

const namesOf = (
  { host, name, namespace }: Service,
  { subjectAltNames, sni }: ClientTLSSettings,
): readonly string[] => {
  if (subjectAltNames?.length) return subjectAltNames;
  if (sni) return [sni];
  return host.startsWith(`${name}.${namespace}.svc.`)
    ? [host, `${name}.${namespace}.svc`, `${name}.${namespace}`, name]
    : [host];
};

const sanMatcher = (exact: string): SubjectAltNameMatcher => ({
  sanType: exact.includes('://')
    ? 'URI'
    : /^[\d.]+$|:/.test(exact)
      ? 'IP_ADDRESS'
      : exact.includes('@')
        ? 'EMAIL'
        : 'DNS',
  matcher: { exact },
});
