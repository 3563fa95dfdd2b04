import { countBy, expect, show, type TourCheck } from './check.ts';

const REQUESTS = 1000;
const SHARE = 0.1;
/** Four standard deviations: a correct split is refused once in sixteen thousand runs. */
const SIGMAS = 4;

const versionOf = ({ body }: { body: string }): string => (JSON.parse(body) as { version: string }).version;

export const weightedSplit: TourCheck = {
  name: 'split 90/10 between catalog v1 and v2',
  async run(shop) {
    const results = await shop.calls({ url: 'http://catalog/books' }, REQUESTS);
    expect(
      results.every((r) => r.status === 200),
      `answers: ${show(countBy(results, (r) => r.status))}`,
    );
    const versions = countBy(results, versionOf);
    const allowed = SIGMAS * Math.sqrt(REQUESTS * SHARE * (1 - SHARE));
    const off = Math.abs((versions.v2 ?? 0) - REQUESTS * SHARE);
    expect(off <= allowed, `${show(versions)}; v2 must be ${REQUESTS * SHARE} ± ${Math.round(allowed)}`);
    return `${show(versions)} (allowed: 100 ± ${Math.round(allowed)})`;
  },
};

export const headerRoute: TourCheck = {
  name: 'header x-beta: true leads to v2',
  async run(shop) {
    const versions = countBy(
      await shop.calls({ url: 'http://catalog/books', headers: { 'x-beta': 'true' } }, 50),
      versionOf,
    );
    expect(versions.v2 === 50, show(versions));
    return 'v2: 50 of 50';
  },
};

export const timeout: TourCheck = {
  name: 'timeout of 0.5 s on a slow route',
  async run(shop) {
    const { status, ms } = await shop.call({ url: 'http://catalog/slow' });
    expect(status === 504, `status ${status}`);
    expect(ms >= 450 && ms < 1500, `after ${Math.round(ms)} ms`);
    return `504 after ${Math.round(ms)} ms`;
  },
};
