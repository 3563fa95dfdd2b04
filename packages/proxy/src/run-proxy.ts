import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { systemClock } from '@weft/base/clock';
import { WeftError } from '@weft/base/errors';
import type { ProxyBootstrap } from '@weft/base/proxy-bootstrap';
import { systemRandom } from '@weft/base/random';
import { LineLog } from '@weft/telemetry/log';
import { startProxy } from './start-proxy.ts';

export interface RunProxyOptions {
  readonly bootstrapFile: string;
  /** File descriptors of pipes whose other ends are held by who started us: when one closes, the proxy ends. */
  readonly lifelines: readonly number[];
}

/** One Ctrl-C arrives several times: from the terminal, from npm and from the launcher. This soon, it is the same one. */
const SAME_PRESS_MS = 700;

/**
 * The process around a proxy: runs until SIGTERM or SIGINT (then it drains; a second one ends it at once), `/quitquitquit`,
 * the end of its parent, or what it cannot go on from. Resolves with the exit status.
 */
export const runProxy = async ({ bootstrapFile, lifelines }: RunProxyOptions): Promise<number> => {
  const log = new LineLog(systemClock, (line) => process.stderr.write(line));
  // The timers of the clock do not keep the process alive; while the control plane is away nothing else might.
  const keepAlive = new MessageChannel();
  keepAlive.port1.ref();
  try {
    const bootstrap = readBootstrap(bootstrapFile);
    const proxy = await startProxy({ bootstrap, clock: systemClock, random: systemRandom, log });
    const forced = Promise.withResolvers<number>();
    let stoppingSinceMs: number | null = null;
    const stop = (reason: string) => (): void => {
      if (stoppingSinceMs === null) {
        stoppingSinceMs = systemClock.monotonic();
        log.info('stopping', { reason });
        void proxy.close();
      } else if (systemClock.monotonic() - stoppingSinceMs > SAME_PRESS_MS) {
        log.warning('ending at once', { reason: `${reason} again` });
        forced.resolve(1);
      }
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop(signal));
    for (const fd of lifelines) onClose(fd, stop('the parent is gone'));
    return await Promise.race([proxy.ended.then(() => 0), forced.promise]);
  } catch (error) {
    log.error('proxy failed', {
      ...(error instanceof WeftError && { code: error.kind.code }),
      reason: error instanceof Error ? error.message : String(error),
    });
    return 1;
  } finally {
    keepAlive.port1.close();
  }
};

/** A descriptor that is no pipe says nothing of a parent. */
const onClose = (fd: number, fn: () => void): void => {
  let pipe: Socket;
  try {
    pipe = new Socket({ fd, readable: true, writable: false });
  } catch {
    return;
  }
  pipe.on('end', fn).on('error', fn).resume();
};

/** What a file must say for anything to work; the rest is checked where it is used. */
const REQUIRED = [
  'trustDomain',
  'discoveryAddress',
  'rootCertFile',
  'tokenFile',
  'adminAddress',
  'healthAddress',
  'metricsAddress',
] as const;

const readBootstrap = (file: string): ProxyBootstrap => {
  let bootstrap: Partial<ProxyBootstrap>;
  try {
    bootstrap = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProxyBootstrap>;
  } catch (cause) {
    throw new WeftError('usage', `the bootstrap file ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  for (const field of REQUIRED) {
    if (typeof bootstrap[field] !== 'string' || bootstrap[field] === '')
      throw new WeftError('usage', `the bootstrap file ${file} has no ${field}`);
  }
  if (typeof bootstrap.node?.id !== 'string' || typeof bootstrap.node.metadata?.NAMESPACE !== 'string')
    throw new WeftError('usage', `the bootstrap file ${file} has no node with id and metadata`);
  return bootstrap as ProxyBootstrap;
};
