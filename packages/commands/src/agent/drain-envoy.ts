import type { Clock } from '@weft/base/clock';

const POLL_MS = 50;

/**
 * Has Envoy finish what it does: it answers with `connection: close` from now on (as its health check fails,
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining) while requests in flight end.
 * Resolves when there are none, or after `timeoutMs`, or at once if Envoy does not answer.
 */
export const drainEnvoy = async (adminAddress: string, timeoutMs: number, clock: Clock): Promise<void> => {
  const deadline = clock.monotonic() + timeoutMs;
  const ask = async (method: string, path: string): Promise<string> => {
    const left = Math.max(1, Math.ceil(deadline - clock.monotonic()));
    const response = await fetch(`http://${adminAddress}${path}`, { method, signal: AbortSignal.timeout(left) });
    return response.text();
  };
  try {
    await ask('POST', '/healthcheck/fail');
    while (clock.monotonic() < deadline) {
      if (activeRequests(await ask('GET', '/stats?filter=downstream_rq_active')) === 0) return;
      await clock.sleep(POLL_MS);
    }
  } catch {
    // Gone already, or stuck: either way there is nothing to wait for.
  }
};

/** What is asked of the admin interface is no traffic. */
const activeRequests = (stats: string): number =>
  [...stats.matchAll(/^http\.(?!admin\.)\S+: (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
