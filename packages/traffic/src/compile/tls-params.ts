import type { TlsParameters } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import type { TlsContextConfig, TlsVersion } from '../tls-config.ts';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown } from './fields.ts';

type Params = Pick<TlsContextConfig, 'minVersion' | 'maxVersion' | 'ciphers' | 'groups'>;

/** 1.2 is the lowest version that is ever spoken, whatever a configuration allows below it. */
const VERSIONS: Readonly<Record<string, TlsVersion>> = {
  TLSv1_0: 'TLSv1.2',
  TLSv1_1: 'TLSv1.2',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
};

/** Of TLS 1.2; those with an ephemeral key exchange, and those without that Envoy still takes where they are asked for. */
const CIPHERS = new Set([
  ...['ECDSA', 'RSA'].flatMap((key) =>
    ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305', 'AES128-SHA', 'AES256-SHA'].map(
      (cipher) => `ECDHE-${key}-${cipher}`,
    ),
  ),
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);

const GROUPS = ['X25519', 'P-256', 'P-384', 'P-521', 'X25519MLKEM768'] as const;

/** https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/common.proto#extensions-transport-sockets-tls-v3-tlsparameters */
export const compileTlsParams = (json: TlsParameters | undefined, path: string): Params => {
  const params = json ?? {};
  onlyKnown(params, path, ['tlsMinimumProtocolVersion', 'tlsMaximumProtocolVersion', 'cipherSuites', 'ecdhCurves']);
  const minVersion = version(params.tlsMinimumProtocolVersion, 'TLSv1.2', at(path, 'tlsMinimumProtocolVersion'));
  const maximum = at(path, 'tlsMaximumProtocolVersion');
  const maxVersion = version(params.tlsMaximumProtocolVersion, 'TLSv1.3', maximum);
  if (/^TLSv1_[01]$/.test(params.tlsMaximumProtocolVersion ?? '')) fail(maximum, 'is below 1.2, which is the lowest');
  if (minVersion > maxVersion) fail(maximum, 'is below the minimum');
  return {
    minVersion,
    maxVersion,
    ciphers: (params.cipherSuites ?? []).flatMap((entry, i) => ciphersOf(entry, at(at(path, 'cipherSuites'), i))),
    groups: (params.ecdhCurves ?? []).map((name, i) => oneOf(name, 'X25519', GROUPS, at(at(path, 'ecdhCurves'), i))),
  };
};

const version = (name: string | undefined, automatic: TlsVersion, path: string): TlsVersion =>
  name === undefined || name === 'TLS_AUTO' ? automatic : (VERSIONS[name] ?? fail(path, `${name} is not supported`));

/** `[A|B]`: equals, of which the client's preference decides in Envoy; here their order does. */
const ciphersOf = (entry: string, path: string): string[] =>
  entry
    .replace(/^\[(.*)\]$/, '$1')
    .split('|')
    .map((cipher) => (CIPHERS.has(cipher) ? cipher : fail(path, `${cipher} is not supported`)));
