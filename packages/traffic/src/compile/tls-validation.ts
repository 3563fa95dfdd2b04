import type { DataSource as DataSourceJson } from '@weft/xds-api/gen/envoy/config/core/v3';
import type {
  CertificateValidationContext,
  CommonTlsContext,
  SubjectAltNameMatcher,
} from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import { type DataSource, type RootsConfig, type SanType, SubjectAltName } from '../tls-config.ts';
import { fail } from './failure.ts';
import { at, oneOf, onlyKnown, required } from './fields.ts';
import { compileStringMatcher } from './string-matcher.ts';

export interface Validation {
  readonly roots: RootsConfig | null;
  readonly crl: DataSource | null;
  readonly peerSans: readonly SubjectAltName[];
  /** Said outright that a peer whose certificate is not vouched for may pass. */
  readonly acceptUntrusted: boolean;
}

/** Who the peer may be: in the context itself, by SDS, or both. */
export const compileValidation = (json: CommonTlsContext, path: string): Validation => {
  const combined = json.combinedValidationContext;
  const here = at(path, 'combinedValidationContext');
  if (combined) onlyKnown(combined, here, ['defaultValidationContext', 'validationContextSdsSecretConfig']);
  const own = combined ? combined.defaultValidationContext : json.validationContext;
  const ownPath = combined ? at(here, 'defaultValidationContext') : at(path, 'validationContext');
  const validation = own
    ? validationOf(own, ownPath)
    : { roots: null, crl: null, peerSans: [], acceptUntrusted: false };
  const secret = combined?.validationContextSdsSecretConfig?.name ?? json.validationContextSdsSecretConfig?.name;
  // By Envoy's rules of merging the secret's roots take the place of the context's own.
  return secret ? { ...validation, roots: { kind: 'secret', name: secret } } : validation;
};

const validationOf = (json: CertificateValidationContext, path: string): Validation => {
  onlyKnown(
    json,
    path,
    [
      'trustedCa',
      'systemRootCerts',
      'matchTypedSubjectAltNames',
      'matchSubjectAltNames',
      'trustChainVerification',
      'crl',
    ],
    ['suppressClientCaList', 'watchedDirectory'],
  );
  const verification = at(path, 'trustChainVerification');
  const trust = oneOf(
    json.trustChainVerification,
    'VERIFY_TRUST_CHAIN',
    ['VERIFY_TRUST_CHAIN', 'ACCEPT_UNTRUSTED'],
    verification,
  );
  const typed = (json.matchTypedSubjectAltNames ?? []).map((san, i) =>
    typedSan(san, at(at(path, 'matchTypedSubjectAltNames'), i)),
  );
  const untyped = (json.matchSubjectAltNames ?? []).map(
    (san, i) => new SubjectAltName('any', compileStringMatcher(san, at(at(path, 'matchSubjectAltNames'), i))),
  );
  const peerSans = [...typed, ...untyped];
  const acceptUntrusted = trust === 'ACCEPT_UNTRUSTED';
  if (acceptUntrusted && peerSans.length > 0) fail(verification, 'makes names worthless: whoever likes can have them');
  const crl = json.crl ? compileDataSource(json.crl, at(path, 'crl')) : null;
  return { roots: rootsOf(json, path), crl, peerSans, acceptUntrusted };
};

const rootsOf = (json: CertificateValidationContext, path: string): RootsConfig | null => {
  if (json.trustedCa) return { kind: 'data', data: compileDataSource(json.trustedCa, at(path, 'trustedCa')) };
  return json.systemRootCerts ? { kind: 'secret', name: SYSTEM_ROOTS } : null;
};

/** Istio's name for them. */
const SYSTEM_ROOTS = 'file-root:system';

const SAN_TYPES: Readonly<Record<string, SanType>> = { URI: 'uri', DNS: 'dns', EMAIL: 'email', IP_ADDRESS: 'address' };

const typedSan = (json: SubjectAltNameMatcher, path: string): SubjectAltName => {
  onlyKnown(json, path, ['sanType', 'matcher']);
  const type = SAN_TYPES[json.sanType ?? ''] ?? fail(at(path, 'sanType'), `${json.sanType} is not supported`);
  return new SubjectAltName(
    type,
    compileStringMatcher(required(json.matcher, at(path, 'matcher')), at(path, 'matcher')),
  );
};

export const compileDataSource = (json: DataSourceJson, path: string): DataSource => {
  onlyKnown(json, path, ['filename', 'inlineString', 'inlineBytes', 'environmentVariable'], ['watchedDirectory']);
  if (json.filename) return { kind: 'file', path: json.filename };
  if (json.environmentVariable) return { kind: 'environment', name: json.environmentVariable };
  if (json.inlineString) return { kind: 'text', text: json.inlineString };
  if (json.inlineBytes) return { kind: 'text', text: fromBase64(json.inlineBytes, path) };
  return fail(path, 'is empty');
};

const fromBase64 = (text: string, path: string): string => {
  try {
    return atob(text);
  } catch {
    return fail(at(path, 'inlineBytes'), 'is not base64');
  }
};
