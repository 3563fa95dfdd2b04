import { countBy, expect, show, type TourCheck } from './check.ts';

const REQUESTS = 30;
const DELAY_MS = 400;

export const delayFault: TourCheck = {
  name: 'a fault delays requests by 0.4 s',
  async run(shop) {
    const results = await shop.calls({ url: 'http://catalog/books', headers: { 'x-fault': 'delay' } }, REQUESTS);
    expect(
      results.every((r) => r.status === 200),
      `answers: ${show(countBy(results, (r) => r.status))}`,
    );
    const fastest = Math.min(...results.map((r) => r.ms));
    expect(fastest >= DELAY_MS - 5, `one came after ${Math.round(fastest)} ms`);
    return `${REQUESTS} answered 200, the first after ${Math.round(fastest)} ms`;
  },
};

interface CatalogCounters {
  readonly served: Readonly<Record<string, number>>;
  readonly copies: number;
}

export const abortFault: TourCheck = {
  name: 'a fault fails requests, which no retry repeats',
  async run(shop) {
    const results = await shop.calls({ url: 'http://catalog/books', headers: { 'x-fault': 'abort' } }, REQUESTS);
    const answers = countBy(results, (r) => `${r.status} ${r.body}`);
    expect(answers['418 fault filter abort'] === REQUESTS, show(answers));
    const pods = [...shop.pods('catalog-v1'), ...shop.pods('catalog-v2')];
    const counters = await Promise.all(pods.map((pod) => shop.counters<CatalogCounters>(pod)));
    expect(
      counters.every(({ served }) => served[418] === undefined),
      'a catalog says that it answered 418 itself',
    );
    return `418: ${REQUESTS} of ${REQUESTS}, none reached a catalog`;
  },
};

export const mirror: TourCheck = {
  name: 'a copy is seen by the shadow, not by the caller',
  async run(shop) {
    const copies = async (workload: string): Promise<number> => {
      const all = await Promise.all(shop.pods(workload).map((pod) => shop.counters<CatalogCounters>(pod)));
      return all.reduce((sum, c) => sum + c.copies, 0);
    };
    const before = await copies('catalog-v2');
    const results = await shop.calls({ url: 'http://catalog/books', headers: { 'x-copied': 'true' } }, REQUESTS);
    const versions = countBy(results, (r) => (JSON.parse(r.body) as { version: string }).version);
    expect(versions.v1 === REQUESTS, `answers: ${show(versions)}`);
    // Nobody waits for a copy, so the last may still be on its way.
    let seen = 0;
    for (let i = 0; i < 50 && seen < REQUESTS; i++) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      seen = (await copies('catalog-v2')) - before;
    }
    expect(seen === REQUESTS, `v2 saw ${seen} copies of ${REQUESTS}`);
    expect((await copies('catalog-v1')) === 0, 'v1 saw copies');
    return `v1 answered ${REQUESTS}, v2 saw ${seen} copies`;
  },
};
