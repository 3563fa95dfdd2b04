import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scope } from '@weft/base/scope';
import type { Credentials } from '@weft/identity/workload-identity';
import { type AgentSocketOptions, openAgentSocket } from './agent-socket.ts';
import { type CredentialFiles, grpcBootstrap } from './grpc-bootstrap.ts';

export interface GrpcAgentOptions extends AgentSocketOptions {
  /** Where the bootstrap of gRPC clients is written. */
  readonly bootstrapPath: string;
}

/**
 * Stands between proxyless gRPC clients of one workload and the control plane, as `startAgent` does for Envoy; the
 * clients read the workload's key and certificate from files (0600) in the state directory.
 */
export const startGrpcAgent = async (
  options: GrpcAgentOptions,
  signal?: AbortSignal,
): Promise<{ close(): Promise<void> }> => {
  const { bootstrap, bootstrapPath, log } = options;
  const scope = new Scope();
  try {
    const { path, identity, credentials } = await openAgentSocket(options, scope, signal);
    const files: CredentialFiles = {
      certificate: join(bootstrap.stateDir, 'cert-chain.pem'),
      privateKey: join(bootstrap.stateDir, 'key.pem'),
      roots: join(bootstrap.stateDir, 'root-cert.pem'),
    };
    writeCredentials(files, credentials);
    identity.onRotated((next) => writeCredentials(files, next));
    replace(bootstrapPath, JSON.stringify(grpcBootstrap(bootstrap, path, files), null, 1));
    log.info('serving gRPC clients', { GRPC_XDS_BOOTSTRAP: bootstrapPath });
    return { close: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw error;
  }
};

/** A client that reads between two of these finds a key without its certificate, and reads again. */
const writeCredentials = (files: CredentialFiles, credentials: Credentials): void => {
  replace(files.privateKey, credentials.privateKeyPem);
  replace(files.certificate, credentials.chainPem);
  replace(files.roots, credentials.bundle.pem);
};

const replace = (path: string, text: string): void => {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
  renameSync(draft, path);
};
