import { countBy, expect, show, type TourCheck } from './check.ts';

const REQUESTS = 60;

interface OrdersCounters {
  readonly flaky: { readonly failed: number; readonly served: number };
}

export const retry: TourCheck = {
  name: 'a retry hides the 503 of a replica',
  async run(shop) {
    const replicas = shop.pods('orders');
    const count = async (): Promise<{ failed: number; served: number }> => {
      const all = await Promise.all(replicas.map((pod) => shop.counters<OrdersCounters>(pod)));
      return {
        failed: all.reduce((sum, c) => sum + c.flaky.failed, 0),
        served: all.reduce((sum, c) => sum + c.flaky.served, 0),
      };
    };
    const before = await count();
    const results = await shop.calls({ url: 'http://orders/flaky' }, REQUESTS);
    const after = await count();
    const failed = after.failed - before.failed;
    const served = after.served - before.served;
    expect(
      results.every((r) => r.status === 200),
      `answers: ${show(countBy(results, (r) => r.status))}`,
    );
    expect(failed > 0, 'the failing replica was never asked');
    expect(served === REQUESTS, `${served} were served for ${REQUESTS} requests`);
    const attempts = countBy(results, (r) => (JSON.parse(r.body) as { attempt: number }).attempt);
    expect(
      (attempts[2] ?? 0) === failed,
      `${failed} failed, but by the attempt count ${attempts[2] ?? 0} were retried`,
    );
    return `${REQUESTS} answered 200 in ${served + failed} attempts, ${failed} of them 503`;
  },
};
