import type { Shop } from '../shop.ts';
import { countBy, expect, show, type TourCheck } from './check.ts';

const podOf = ({ body }: { body: string }): string => (JSON.parse(body) as { pod: string }).pod;

export const perTryTimeout: TourCheck = {
  name: 'per-try timeout of 0.3 s, then another replica',
  async run(shop) {
    const results = await shop.calls({ url: 'http://orders/tardy' }, 20);
    expect(
      results.every((r) => r.status === 200),
      `answers: ${show(countBy(results, (r) => r.status))}`,
    );
    const second = results.filter(({ body }) => (JSON.parse(body) as { attempt: number }).attempt === 2);
    expect(second.length > 0, 'the slow replica was never asked first');
    const slowest = Math.max(...results.map((r) => r.ms));
    expect(
      second.every((r) => r.ms >= 290),
      'a second attempt came before the first had its time',
    );
    expect(slowest < 1400, `one took ${Math.round(slowest)} ms`);
    return `20 answered 200, ${second.length} in the second attempt; the slowest after ${Math.round(slowest)} ms`;
  },
};

const FAILURES = 5;
const OUT_MS = 2000;
/** Ejection ends at an interval (0.5 s), and ejections of an earlier run may have made it longer. */
const BACK_MS = 8000;

export const outlier: TourCheck = {
  name: 'outlier ejection and return',
  async run(shop) {
    const ailing = { url: 'http://orders/ailing', headers: { 'x-ailing': 'true' } };
    let failed = 0;
    let asked = 0;
    for (; failed < FAILURES && asked < 60; asked++) if ((await shop.call(ailing)).status === 500) failed++;
    expect(failed === FAILURES, `${failed} of ${asked} failed`);
    const ejectedAt = performance.now();
    // Envoy's workers hear of it one after the other.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const after = await shop.calls(ailing, 40);
    expect(
      after.every((r) => r.status === 200),
      `after ${FAILURES} failures: ${show(countBy(after, (r) => r.status))}`,
    );
    const well = { url: 'http://orders/ailing' };
    for (;;) {
      const pods = countBy(await shop.calls(well, 4), podOf);
      const outMs = performance.now() - ejectedAt;
      expect(outMs < BACK_MS, `not back after ${Math.round(outMs)} ms`);
      if (Object.keys(pods).length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      expect(outMs >= OUT_MS - 100, `back after ${Math.round(outMs)} ms`);
      return `out after ${FAILURES} failures; then 40 of 40 answered 200; back after ${(outMs / 1000).toFixed(1)} s`;
    }
  },
};

/** As the caller's sidecar counts them: ours by the flag in Istio's metric, an Envoy in its cluster's statistics. */
const overflows = async (shop: Shop): Promise<number> => {
  const samples = await shop.metrics(shop.pod('load'));
  const ours = samples.filter((s) => s.name === 'istio_requests_total');
  const counted =
    ours.length > 0
      ? ours.filter((s) => s.labels.get('response_flags') === 'UO')
      : samples.filter(
          (s) =>
            s.name.endsWith('upstream_rq_pending_overflow') && s.labels.get('envoy_cluster_name')?.includes('|narrow|'),
        );
  return counted.reduce((sum, s) => sum + s.value, 0);
};

export const breaker: TourCheck = {
  name: 'breaker overflow: 503 with UO',
  async run(shop) {
    const before = await overflows(shop);
    const results = await shop.calls({ url: 'http://orders/narrow' }, 20);
    const answers = countBy(results, (r) => r.status);
    const refused = results.filter((r) => r.status === 503);
    expect((answers[200] ?? 0) > 0 && refused.length > 0, `answers: ${show(answers)}`);
    expect(refused.length + (answers[200] ?? 0) === 20, `answers: ${show(answers)}`);
    expect(
      refused.every((r) => r.body.includes('overflow')),
      `refused with ${refused[0]?.body}`,
    );
    const counted = (await overflows(shop)) - before;
    expect(counted === refused.length, `${refused.length} were refused, ${counted} have flag UO`);
    return `20 at once: ${show(answers)}, all of those UO`;
  },
};
