import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result, Shop } from '../shop.ts';
import { countBy, expect, show, type TourCheck } from './check.ts';

const LIMIT_MS = 1000;
const CALLERS = 3;
const BATCH = 4;

export interface Answer extends Result {
  readonly version: string;
  /** When the answer had arrived, on the tour's clock. */
  readonly at: number;
}

/** Requests without a pause until stopped. */
export const stream = (shop: Shop): (() => Promise<readonly Answer[]>) => {
  const answers: Answer[] = [];
  let running = true;
  const caller = async (): Promise<void> => {
    while (running) {
      const results = await shop.calls({ url: 'http://catalog/books' }, BATCH);
      const at = performance.now();
      for (const r of results)
        answers.push({
          ...r,
          at,
          version: r.status === 200 ? (JSON.parse(r.body) as { version: string }).version : '',
        });
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  return async () => {
    running = false;
    await callers;
    return answers;
  };
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const liveWeights: TourCheck = {
  name: 'a changed weight is live, and nobody fails',
  async run(shop) {
    const file = join(shop.manifests, 'routing.yaml');
    const original = readFileSync(file, 'utf8');
    const changed = original.replace('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 100');
    expect(changed !== original, 'routing.yaml has other weights than the tour knows');
    const stop = stream(shop);
    await pause(500);
    const savedAt = performance.now();
    writeFileSync(file, changed);
    await pause(1500);
    const backAt = performance.now();
    writeFileSync(file, original);
    await pause(1500);
    const answers = await stop();
    expect(
      answers.every((a) => a.status === 200),
      `answers: ${show(countBy(answers, (a) => a.status))}`,
    );
    const lastOld = Math.max(...answers.filter((a) => a.version === 'v1' && a.at < backAt).map((a) => a.at));
    const appliedMs = Math.max(0, lastOld - savedAt);
    const returnedAt = answers.find((a) => a.version === 'v1' && a.at > backAt)?.at ?? Number.POSITIVE_INFINITY;
    expect(appliedMs < LIMIT_MS, `v1 still answers ${Math.round(appliedMs)} ms after v2 was given everything`);
    expect(returnedAt - backAt < LIMIT_MS, `v1 does not answer ${LIMIT_MS} ms after it was given 90 % again`);
    return `live after ${Math.round(appliedMs)} ms and back after ${Math.round(returnedAt - backAt)} ms; ${answers.length} requests, all 200`;
  },
};
