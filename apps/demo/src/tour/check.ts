import type { Shop } from '../shop.ts';

/** One line of the tour. */
export interface TourCheck {
  readonly name: string;
  /** Needs sidecars of ours everywhere: an Envoy shows it otherwise. */
  readonly weftOnly?: true;
  /** Resolves to what was seen, in a few words. Throws if it is not as it should be. */
  run(shop: Shop): Promise<string>;
}

export const expect = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what);
};

/** How often each value occurs. */
export const countBy = <T>(items: readonly T[], keyOf: (item: T) => string | number): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
};

export const show = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([key, count]) => `${key}: ${count}`)
    .join(', ');
