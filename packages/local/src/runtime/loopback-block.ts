import { lstatSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { controlPlanePorts } from '@weft/model/proxy-ports';
import type { Addresses } from './addresses.ts';
import { acquireLock, type LockFile } from './lock-file.ts';

/** 127.64.0.0/10 and up: what else uses loopback addresses stays low. */
const SECOND_OCTETS = { first: 64, count: 64 };
const TRIES = 64;
const REPLICAS = { first: 10, last: 254 };
/** Below the ports that Linux gives to outgoing connections (from 32768). Each block has a slice, so that meshes seldom meet. */
const APP_PORTS = { first: 10_240, slices: 350, size: 64 };

export interface BlockOptions {
  /** `127.x.y.0/24`; without it a free one is found. */
  readonly requested?: string | undefined;
  readonly random: Random;
  /** Where locks are kept. Default: a directory of this user's in the system's temporary one. */
  readonly lockDir?: string;
}

/**
 * Takes a /24 of loopback addresses for one mesh. Two things keep others away: a lock file per block among the meshes of
 * this user, and the control plane's port, which must be free, against everyone else.
 */
export const acquireLoopbackBlock = async (options: BlockOptions): Promise<Addresses> => {
  const lockDir = options.lockDir ?? join(tmpdir(), `weft-${userInfo().uid}`);
  makePrivate(lockDir);
  if (options.requested !== undefined) {
    const [x, y] = parseBlock(options.requested);
    const taken = await tryBlock(x, y, lockDir);
    if (taken.kind === 'taken') return taken.addresses;
    throw new WeftError(
      taken.kind === 'in-use' ? 'portInUse' : 'noFreeBlock',
      `--address-block ${options.requested}: ${taken.why}`,
    );
  }
  let why = '';
  for (let i = 0; i < TRIES; i++) {
    const x = SECOND_OCTETS.first + Math.floor(options.random() * SECOND_OCTETS.count);
    const taken = await tryBlock(x, Math.floor(options.random() * 256), lockDir);
    if (taken.kind === 'taken') return taken.addresses;
    why = taken.why;
    if (taken.kind === 'unusable') break;
  }
  throw new WeftError('noFreeBlock', `no free block of loopback addresses: ${why}`);
};

/** The system's temporary directory is everyone's: what another user has put there under our name is not ours. */
const makePrivate = (dir: string): void => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  const ours = found.isDirectory() && found.uid === userInfo().uid && (found.mode & 0o022) === 0;
  if (!ours)
    throw new WeftError(
      'noFreeBlock',
      `${dir}, where locks are kept, belongs to someone else; remove it, or set TMPDIR`,
    );
};

type Taking =
  | { readonly kind: 'taken'; readonly addresses: Addresses }
  | { readonly kind: 'locked' | 'in-use' | 'unusable'; readonly why: string };

const tryBlock = async (x: number, y: number, lockDir: string): Promise<Taking> => {
  const prefix = `127.${x}.${y}`;
  const locking = acquireLock(join(lockDir, `${prefix}.lock`));
  if (locking.kind === 'held')
    return { kind: 'locked', why: `another weft${locking.pid ? ` (pid ${locking.pid})` : ''} uses ${prefix}.0/24` };
  const failure = await probe(`${prefix}.1`, controlPlanePorts.xds);
  if (failure === null) return { kind: 'taken', addresses: new LoopbackBlock(prefix, x * 256 + y, locking.lock) };
  locking.lock.release();
  if (failure === 'EADDRINUSE') return { kind: 'in-use', why: `${prefix}.1:${controlPlanePorts.xds} is in use` };
  const elsewhere =
    process.platform === 'linux' ? '' : `; on ${process.platform} only 127.0.0.1 exists, which is not supported yet`;
  return { kind: 'unusable', why: `${prefix}.1 cannot be bound (${failure})${elsewhere}` };
};

const parseBlock = (text: string): [number, number] => {
  const found = /^127\.(\d{1,3})\.(\d{1,3})\.0\/24$/.exec(text);
  const [x, y] = [Number(found?.[1]), Number(found?.[2])];
  if (!found || x > 255 || y > 255)
    throw new WeftError('usage', `--address-block ${text} is not a block of loopback addresses; write 127.x.y.0/24`);
  return [x, y];
};

class LoopbackBlock implements Addresses {
  readonly name: string;
  readonly controlPlane: string;
  readonly #prefix: string;
  readonly #lock: LockFile;
  readonly #slice: number;
  readonly #used = new Set<number>();
  readonly #ports = new Set<number>();
  /** Goes round, so that an address is not given away again at once. */
  #next = REPLICAS.first;

  constructor(prefix: string, index: number, lock: LockFile) {
    this.#prefix = prefix;
    this.name = `${prefix}.0/24`;
    this.controlPlane = `${prefix}.1`;
    this.#lock = lock;
    this.#slice = APP_PORTS.first + (index % APP_PORTS.slices) * APP_PORTS.size;
  }

  allocate(): string {
    const size = REPLICAS.last - REPLICAS.first + 1;
    for (let i = 0; i < size; i++) {
      const host = REPLICAS.first + ((this.#next - REPLICAS.first + i) % size);
      if (this.#used.has(host)) continue;
      this.#used.add(host);
      this.#next = host + 1;
      return `${this.#prefix}.${host}`;
    }
    throw new WeftError('noFreeBlock', `${this.name} is full: a mesh on one machine has at most ${size} replicas`);
  }

  release(address: string): void {
    this.#used.delete(Number(address.slice(this.#prefix.length + 1)));
  }

  async appPort(): Promise<number> {
    for (let port = this.#slice; port < this.#slice + APP_PORTS.size; port++) {
      if (this.#ports.has(port)) continue;
      this.#ports.add(port);
      if ((await probe('127.0.0.1', port)) === null) return port;
      this.#ports.delete(port);
    }
    const port = await anyFreePort();
    this.#ports.add(port);
    return port;
  }

  releaseAppPort(port: number): void {
    this.#ports.delete(port);
  }

  close(): void {
    this.#lock.release();
  }
}

/** Null if the port can be bound, else why not. */
const probe = (host: string, port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });

const anyFreePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
