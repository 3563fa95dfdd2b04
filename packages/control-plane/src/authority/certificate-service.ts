import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { CertificateAuthority } from '@weft/identity/authority';
import { readCsr } from '@weft/identity/csr';
import { formatSpiffeId } from '@weft/identity/spiffe';
import { claimToken } from '@weft/identity/token';
import type { TrustBundle } from '@weft/identity/trust-bundle';
import { decodeMessage, encodeMessage } from '@weft/xds/codec';
import { type GrpcContext, GrpcError, type GrpcHandler, grpcCodes, unaryHandler } from '@weft/xds/grpc';
import type { LineLog } from '@weft/telemetry/log';
import type { AuthorityMetrics } from '../status/authority-metrics.ts';
import { provenSpiffeId } from './caller.ts';

export interface CertificateServiceOptions {
  readonly authority: CertificateAuthority;
  readonly bundle: TrustBundle;
  readonly trustDomain: string;
  readonly tokensDirectory: string;
  /** Longest lifetime granted, in ms; a shorter wish is granted. */
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly log: LineLog;
  readonly metrics: AuthorityMetrics;
}

/** PEM, and the lifetime wished for, in seconds. */
interface CertificateRequest {
  readonly csr?: string;
  readonly validityDuration?: string | number;
}

/**
 * `istio.v1.auth.IstioCertificateService/CreateCertificate`: signs a CSR for the identity that its caller has proven,
 * and for no other. First by a bootstrap token (`authorization: Bearer TOKEN`), later by its certificate.
 */
export const certificateService = (options: CertificateServiceOptions): GrpcHandler =>
  unaryHandler((bytes, context) => {
    options.metrics.requested();
    try {
      const certificate = answer(options, bytes, context);
      options.metrics.issued();
      return certificate;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      options.metrics.refused(error);
      options.log.warning('certificate refused', {
        code: error.kind.code,
        reason: error.message,
        peer: context.socket.remoteAddress ?? '',
      });
      throw new GrpcError(grpcStatus(error), `${error.kind.code}: ${error.message}`);
    }
  });

const answer = (options: CertificateServiceOptions, bytes: Uint8Array, context: GrpcContext): Uint8Array => {
  const { authority, log } = options;
  const request = decodeMessage<CertificateRequest>('istio.v1.auth.IstioCertificateRequest', bytes);
  // Read first: a token is not spent on a request that cannot be granted.
  const { spki, names } = readCsr(request.csr ?? '');
  const spiffeId = proveCaller(options, context);
  const [asked] = names.uris;
  if (
    names.uris.length > 1 ||
    (asked !== undefined && asked !== spiffeId) ||
    names.dnsNames.length > 0 ||
    names.others > 0
  ) {
    throw new WeftError('identityMismatch', `${spiffeId} asks for ${[...names.uris, ...names.dnsNames].join(', ')}`);
  }
  const wishMs = Number(request.validityDuration ?? 0) * 1000;
  const ttlMs = wishMs > 0 ? Math.min(wishMs, options.ttlMs) : options.ttlMs;
  const certificate = authority.issue({ spki, spiffeId, ttlMs });
  log.info('certificate issued', { spiffeId, seconds: Math.round(ttlMs / 1000) });
  return encodeMessage('istio.v1.auth.IstioCertificateResponse', {
    certChain: [certificate, authority.certificatePem],
  });
};

const BEARER = /^Bearer +(\S+)$/i;

const proveCaller = (
  { clock, bundle, tokensDirectory, trustDomain }: CertificateServiceOptions,
  context: GrpcContext,
): string => {
  const authorization = context.headers.authorization;
  if (authorization !== undefined) {
    const token = BEARER.exec(authorization)?.[1] ?? '';
    const { namespace, serviceAccount } = claimToken(tokensDirectory, token, clock);
    return formatSpiffeId({ trustDomain, namespace, serviceAccount });
  }
  const spiffeId = provenSpiffeId(context.socket, bundle, trustDomain, clock.now());
  if (spiffeId === null)
    throw new WeftError('unprovenCaller', 'neither a bootstrap token nor a valid client certificate');
  return spiffeId;
};

const STATUS: Record<string, number> = {
  WEFT0301: grpcCodes.invalidArgument,
  WEFT0302: grpcCodes.unauthenticated,
  WEFT0303: grpcCodes.permissionDenied,
};

const grpcStatus = (error: WeftError): number => STATUS[error.kind.code] ?? grpcCodes.internal;
