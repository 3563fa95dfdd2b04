import { plainRequest, type Shop } from '../shop.ts';
import { countBy, expect, show, type TourCheck } from './check.ts';

const DEADLINE_MS = 15_000;
const REQUESTS = 40;

/** Which pods of v1 answer, in a batch of requests that must all succeed. */
const answering = async (shop: Shop): Promise<Record<string, number>> => {
  const results = await shop.calls({ url: 'http://catalog/whoami' }, REQUESTS);
  expect(
    results.every((r) => r.status === 200),
    `answers: ${show(countBy(results, (r) => r.status))}`,
  );
  return countBy(results, (r) => (JSON.parse(r.body) as { pod: string }).pod);
};

const until = async (shop: Shop, done: (pods: Record<string, number>) => boolean, what: string): Promise<number> => {
  const started = performance.now();
  while (!done(await answering(shop)))
    expect(performance.now() - started < DEADLINE_MS, `${what}: not within ${DEADLINE_MS / 1000} s`);
  return performance.now() - started;
};

export const readiness: TourCheck = {
  name: '/readyz takes a replica out, and back in',
  async run(shop) {
    const [pod] = shop.pods('catalog-v1');
    const port = pod && Object.values(pod.appPorts)[0];
    if (!pod || port === undefined) throw new Error('catalog-v1 has no replica');
    const set = (path: string) => plainRequest({ host: '127.0.0.1', port, path, method: 'POST' });
    try {
      await set('/break');
      const outMs = await until(shop, (pods) => !pods[pod.name], `${pod.name} still gets requests`);
      await set('/mend');
      const backMs = await until(shop, (pods) => (pods[pod.name] ?? 0) > 0, `${pod.name} gets no requests again`);
      return `out after ${(outMs / 1000).toFixed(1)} s, back after ${(backMs / 1000).toFixed(1)} s; every answer 200`;
    } finally {
      await set('/mend');
    }
  },
};
