import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import { CertificateAuthority, createRoot, type Root } from '@weft/identity/authority';
import { systemFiles } from '../store/state-files.ts';

/** What the name of a half-made authority begins with. */
export const CA_DRAFT = '.ca-';

/**
 * The authority whose root is in `directory` (`root.key`, `root.crt`; 0600 in a 0700 directory). Made on first use, as a
 * whole: a directory is filled aside and renamed, so no crash leaves half of one. Throws WeftError `caUnusable` on one
 * that cannot be used: making another would cut off every workload that trusts this one, so that is for a person to do.
 */
export const openAuthority = (directory: string, trustDomain: string, clock: Clock): CertificateAuthority => {
  const root = readRoot(directory) ?? makeRoot(directory, trustDomain, clock);
  try {
    return new CertificateAuthority(root, clock);
  } catch (error) {
    if (error instanceof WeftError) throw unusable(directory, error.message);
    throw error;
  }
};

const readRoot = (directory: string): Root | null => {
  const read = (name: string): string | NodeJS.ErrnoException => {
    try {
      return readFileSync(join(directory, name), 'utf8');
    } catch (error) {
      return error as NodeJS.ErrnoException;
    }
  };
  const privateKeyPem = read('root.key');
  const certificatePem = read('root.crt');
  if (typeof privateKeyPem === 'string' && typeof certificatePem === 'string') {
    chmodSync(directory, 0o700);
    chmodSync(join(directory, 'root.key'), 0o600);
    return { privateKeyPem, certificatePem };
  }
  const errors = [privateKeyPem, certificatePem].filter((e) => typeof e !== 'string');
  if (errors.length === 2 && errors.every((e) => e.code === 'ENOENT')) return null;
  throw unusable(directory, errors.map((e) => e.message).join('; '));
};

const makeRoot = (directory: string, trustDomain: string, clock: Clock): Root => {
  const root = createRoot({ trustDomain, clock });
  const draft = join(dirname(directory), `${CA_DRAFT}${randomUUID()}`);
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(join(draft, 'root.key'), root.privateKeyPem, { mode: 0o600, flush: true });
    writeFileSync(join(draft, 'root.crt'), root.certificatePem, { mode: 0o600, flush: true });
    systemFiles.syncDirectory(draft);
    renameSync(draft, directory);
    systemFiles.syncDirectory(dirname(directory));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    const cause = error as NodeJS.ErrnoException;
    throw new WeftError(
      'stateDirUnwritable',
      `the CA cannot be made in ${directory} (${cause.code ?? cause.message})`,
      { cause },
    );
  }
  return root;
};

const unusable = (directory: string, why: string): WeftError =>
  new WeftError(
    'caUnusable',
    `the certificate authority in ${directory} cannot be used: ${why}; restore it, or remove ${directory} to have a new one made (all workloads must then be started again)`,
  );
