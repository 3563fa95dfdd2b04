import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommonTlsContext } from '@weft/xds-api/gen/envoy/extensions/transport_sockets/tls/v3';
import { CompileFailure } from './compile/failure.ts';
import { compileTransportSocket } from './compile/tls-context.ts';
import type { TlsContextConfig } from './tls-config.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

const compiled = (
  side: 'downstream' | 'upstream',
  commonTlsContext: CommonTlsContext,
  over: object = {},
): TlsContextConfig => {
  const type = side === 'downstream' ? 'DownstreamTlsContext' : 'UpstreamTlsContext';
  const any = { '@type': `${TLS}.${type}`, commonTlsContext, ...over };
  return compileTransportSocket({ name: 'tls', typedConfig: any }, side, 'socket') ?? assert.fail('plaintext');
};
const refused = (side: 'downstream' | 'upstream', common: CommonTlsContext, why: RegExp, over: object = {}): void =>
  assert.throws(
    () => compiled(side, common, over),
    (error) => error instanceof CompileFailure && why.test(error.message),
  );

const own = { tlsCertificateSdsSecretConfigs: [{ name: 'default' }] };
const roots = { validationContext: { trustedCa: { filename: '/roots.pem' } } };
const files = {
  tlsCertificates: [
    { certificateChain: { filename: '/a.pem' }, privateKey: { filename: '/a.key' } },
    { certificateChain: { inlineBytes: btoa('PEM') }, privateKey: { environmentVariable: 'KEY' } },
  ],
};

describe('a TLS context', () => {
  it('takes certificates from SDS, files, the configuration and the environment', () => {
    assert.deepEqual(compiled('downstream', { ...own, ...files }).certificates, [
      { kind: 'secret', name: 'default' },
      { kind: 'data', chain: { kind: 'file', path: '/a.pem' }, key: { kind: 'file', path: '/a.key' } },
      { kind: 'data', chain: { kind: 'text', text: 'PEM' }, key: { kind: 'environment', name: 'KEY' } },
    ]);
  });

  it('a server asks for no certificate, for one that may be left out, or for one that must be there', () => {
    const simple = compiled('downstream', own);
    assert.deepEqual([simple.roots, simple.requireClientCertificate], [null, false]);
    const optional = compiled('downstream', { ...own, ...roots });
    assert.deepEqual(
      [optional.roots, optional.requireClientCertificate],
      [{ kind: 'data', data: { kind: 'file', path: '/roots.pem' } }, false],
    );
    refused('downstream', own, /validationContext: is required/, { requireClientCertificate: true });
  });

  it('never leaves a server unchecked, but where that is said outright', () => {
    const untrusted = { validationContext: { trustChainVerification: 'ACCEPT_UNTRUSTED' as const } };
    refused('upstream', {}, /validationContext: is required/);
    refused('upstream', { validationContext: {} }, /validationContext: is required/);
    assert.equal(compiled('upstream', untrusted).roots, null);
    refused('downstream', { ...own, ...untrusted }, /would let any client pass/);
    const names = { matchTypedSubjectAltNames: [{ sanType: 'DNS' as const, matcher: { exact: 'a' } }] };
    refused('upstream', { validationContext: { ...untrusted.validationContext, ...names } }, /makes names worthless/);
  });

  it('knows versions, ciphers and groups by Envoy’s names', () => {
    const { minVersion, maxVersion, ciphers, groups } = compiled('upstream', {
      ...roots,
      tlsParams: {
        tlsMinimumProtocolVersion: 'TLSv1_2',
        tlsMaximumProtocolVersion: 'TLSv1_2',
        cipherSuites: ['[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]', 'AES128-SHA'],
        ecdhCurves: ['P-256'],
      },
    });
    assert.deepEqual(
      [minVersion, maxVersion, ciphers, groups],
      [
        'TLSv1.2',
        'TLSv1.2',
        ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'AES128-SHA'],
        ['P-256'],
      ],
    );
    assert.equal(
      compiled('upstream', { ...roots, tlsParams: { tlsMinimumProtocolVersion: 'TLSv1_0' } }).minVersion,
      'TLSv1.2',
      'nothing older is ever spoken',
    );
    for (const [params, why] of [
      [{ tlsMaximumProtocolVersion: 'TLSv1_1' }, /below 1\.2/],
      [{ tlsMinimumProtocolVersion: 'TLSv1_3', tlsMaximumProtocolVersion: 'TLSv1_2' }, /below the minimum/],
      [{ cipherSuites: ['DES-CBC3-SHA'] }, /cipherSuites\[0\]: DES-CBC3-SHA is not supported/],
      [{ cipherSuites: ['ALL:!aNULL'] }, /cipherSuites\[0\]/],
      [{ ecdhCurves: ['P-224'] }, /ecdhCurves\[0\]/],
    ] as const)
      refused('upstream', { ...roots, tlsParams: params as NonNullable<CommonTlsContext['tlsParams']> }, why);
  });

  it('has names of every type, exact or not; roots of a secret take the place of its own', () => {
    const { peerSans, roots: merged } = compiled('upstream', {
      combinedValidationContext: {
        defaultValidationContext: {
          trustedCa: { filename: '/roots.pem' },
          matchTypedSubjectAltNames: [
            { sanType: 'DNS', matcher: { suffix: '.example.com' } },
            { sanType: 'IP_ADDRESS', matcher: { exact: '10.0.0.1' } },
          ],
          matchSubjectAltNames: [{ prefix: 'spiffe://' }],
        },
        validationContextSdsSecretConfig: { name: 'ROOTCA' },
      },
    });
    assert.deepEqual(
      peerSans.map(({ type, matcher }) => `${type} ${String(matcher)}`),
      ['dns suffix ".example.com"', 'address exact "10.0.0.1"', 'any prefix "spiffe://"'],
    );
    assert.deepEqual(merged, { kind: 'secret', name: 'ROOTCA' });
    refused(
      'upstream',
      { validationContext: { ...roots.validationContext, verifyCertificateHash: ['00'] } },
      /verifyCertificateHash/,
    );
    refused(
      'upstream',
      { validationContext: { ...roots.validationContext, allowExpiredCertificate: true } },
      /allowExpired/,
    );
  });
});
