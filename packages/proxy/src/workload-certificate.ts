import { readFileSync, rmSync } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import type { Random } from '@weft/base/random';
import { splitCertificates } from '@weft/identity/pem';
import { formatSpiffeId } from '@weft/identity/spiffe';
import { type Credentials, type SignedCertificate, WorkloadIdentity } from '@weft/identity/workload-identity';
import { decodeMessage, encodeMessage } from '@weft/xds/codec';
import { GrpcError, grpcCodes, unary } from '@weft/xds/grpc';
import { methods } from '@weft/xds-api/type-urls';
import { connectControlPlane, readRoots } from './control-plane-session.ts';

const SIGN_TIMEOUT_MS = 10_000;

export interface WorkloadCertificateOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each attempt that failed and is repeated. */
  readonly onFailure: (error: Error, retryInMs: number) => void;
}

/**
 * The identity of the bootstrap's workload, certified by the control plane's authority
 * (`istio.v1.auth.IstioCertificateService`): first for the one-use token, whose file is then deleted, later for the
 * certificate in force. While the control plane is away it is tried again; a refusal ends `start`, as the token is then
 * spent.
 */
export const workloadCertificate = (options: WorkloadCertificateOptions): WorkloadIdentity => {
  const { bootstrap, clock, random, onFailure } = options;
  const identity: WorkloadIdentity = new WorkloadIdentity({
    spiffeId: spiffeIdOf(bootstrap),
    sign: (csrPem) => sign(options, identity.current, csrPem),
    clock,
    random,
    onFailure,
  });
  return identity;
};

export const spiffeIdOf = ({ trustDomain, node }: ProxyBootstrap): string =>
  formatSpiffeId({
    trustDomain,
    namespace: node.metadata.NAMESPACE,
    serviceAccount: node.metadata.SERVICE_ACCOUNT,
  });

const sign = async (
  { bootstrap, clock }: WorkloadCertificateOptions,
  current: Credentials | null,
  csrPem: string,
): Promise<SignedCertificate> => {
  const valid = current !== null && clock.now() < current.notAfterMs ? current : null;
  const token = valid ? '' : readToken(bootstrap.tokenFile);
  const roots = current?.bundle.pem ?? readRoots(bootstrap.rootCertFile);
  const session = connectControlPlane(bootstrap.discoveryAddress, roots, valid);
  // The reason; what the call would say is only that its connection went.
  let lost: Error | null = null;
  session.on('error', (error: Error) => {
    lost = error;
  });
  try {
    const answer = await unary(session, methods.createCertificate, encodeRequest(csrPem), {
      clock,
      timeoutMs: SIGN_TIMEOUT_MS,
      ...(token && { headers: { authorization: `Bearer ${token}` } }),
    });
    const signed = readAnswer(answer);
    if (token) rmSync(bootstrap.tokenFile, { force: true });
    return signed;
  } catch (error) {
    throw explain(error, lost, bootstrap.discoveryAddress);
  } finally {
    session.destroy();
  }
};

const encodeRequest = (csr: string): Uint8Array => encodeMessage('istio.v1.auth.IstioCertificateRequest', { csr });

/** As Istio's authority answers: the workload's certificate, intermediates, and last the root. */
const readAnswer = (bytes: Uint8Array): SignedCertificate => {
  const { certChain = [] } = decodeMessage<{ certChain?: string[] }>('istio.v1.auth.IstioCertificateResponse', bytes);
  const certificates = certChain.flatMap(splitCertificates);
  return { chain: certificates.slice(0, -1), roots: certificates.slice(-1) };
};

const readToken = (tokenFile: string): string => {
  try {
    return readFileSync(tokenFile, 'utf8').trim();
  } catch (cause) {
    throw new WeftError(
      'unprovenCaller',
      `the bootstrap token cannot be read (${(cause as NodeJS.ErrnoException).code ?? ''} ${tokenFile}), and there is no valid certificate`,
      { cause },
    );
  }
};

const REFUSALS: readonly number[] = [grpcCodes.unauthenticated, grpcCodes.permissionDenied, grpcCodes.invalidArgument];

const explain = (error: unknown, lost: Error | null, address: string): Error => {
  if (error instanceof GrpcError && REFUSALS.includes(error.code))
    return new WeftError('unprovenCaller', `the control plane refused a certificate: ${error.message}`, {
      cause: error,
    });
  if (!(error instanceof GrpcError)) return error as Error;
  const reason = lost?.message ?? error.message;
  return new WeftError('controlPlaneAway', `no certificate from the control plane at ${address}: ${reason}`, {
    cause: error,
  });
};
