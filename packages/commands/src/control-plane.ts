import { isIPv4 } from 'node:net';
import type { Clock } from '@weft/base/clock';
import { parseDurationMs } from '@weft/base/duration';
import { WeftError } from '@weft/base/errors';
import type { Random } from '@weft/base/random';
import { startControlPlane } from '@weft/control-plane/control-plane';
import { isTrustDomain } from '@weft/identity/spiffe';
import { controlPlanePorts } from '@weft/model/proxy-ports';
import { LineLog } from '@weft/telemetry/log';
import { translateParts } from '@weft/translate/translate';
import { aborted, listenForStop } from './up/stop-signals.ts';

export interface ControlPlaneCommandOptions {
  /** Files and folders with manifests. */
  readonly paths: readonly string[];
  readonly stateDir: string;
  /** A loopback address (127.x.y.z). */
  readonly address: string;
  /** Default `cluster.local`. */
  readonly trustDomain?: string | undefined;
  /** Lifetime of workloads' certificates, as Go writes durations; at least 10 s. Default `24h`. */
  readonly certTtl?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Diagnostics and the log. */
  readonly writeError: (text: string) => void;
}

const MIN_CERT_TTL_MS = 10_000;

/**
 * `weft control-plane`: serves the mesh of the manifests to proxies until it is asked to end. Answers the exit code.
 * Throws WeftError where it cannot start.
 */
export const controlPlane = async (options: ControlPlaneCommandOptions): Promise<number> => {
  const { clock, random, writeError, address } = options;
  const trustDomain = options.trustDomain ?? 'cluster.local';
  if (options.paths.length === 0) throw new WeftError('usage', 'no manifests; name files or folders with -f PATH');
  if (!isIPv4(address) || !address.startsWith('127.')) {
    throw new WeftError('usage', `--address ${address} is not a loopback address (127.x.y.z)`);
  }
  if (!isTrustDomain(trustDomain)) {
    throw new WeftError(
      'usage',
      `--trust-domain ${trustDomain} may have lower-case letters, digits, '.', '-' and '_' only`,
    );
  }
  const certTtlMs = parseDurationMs(options.certTtl ?? '24h');
  if (certTtlMs === undefined || certTtlMs < MIN_CERT_TTL_MS) {
    throw new WeftError('usage', `--cert-ttl ${options.certTtl} is not a duration of at least 10s (24h, 90m)`);
  }
  const stop = listenForStop(clock);
  try {
    const running = await startControlPlane({
      paths: options.paths,
      stateDir: options.stateDir,
      address,
      xdsPort: controlPlanePorts.xds,
      statusPort: controlPlanePorts.metrics,
      trustDomain,
      certTtlMs,
      clock,
      random,
      translate: translateParts,
      log: new LineLog(clock, writeError),
      report: writeError,
    });
    await aborted(stop.graceful);
    await running.close();
    return 0;
  } finally {
    stop.dispose();
  }
};
