/** A source of numbers in [0, 1). Injected, so that picks and jitter can be replayed from a seed. */
export type Random = () => number;

/** Not for secrets: those come from `node:crypto`. */
export const systemRandom: Random = () => Math.random();

/** mulberry32: 32 bits of state, full period, good enough for load balancing and tests. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};
