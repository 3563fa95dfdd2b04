import type { Random } from '@weft/base/random';

/**
 * Earliest deadline first: weighted picks in an order that spreads each entry evenly. A binary heap of deadlines; the
 * entry with the smallest is picked and put back 1/weight later. After n rounds an entry of weight w among W has had
 * n·w/W picks, off by one at most. Envoy's `EdfScheduler` works so. Deadlines start at random phases.
 *
 *     heap  [ 3 | 0 | 2 | 1 ]   indexes of entries, the earliest first
 *     due   [ .9 .4 .7 .1 ]     by entry
 */
export class EdfScheduler {
  readonly #heap: Uint32Array;
  readonly #due: Float64Array;
  readonly #weightOf: (index: number) => number;

  /** `weightOf` is asked at each pick, so a weight may change meanwhile; it must be above 0. */
  constructor(size: number, weightOf: (index: number) => number, random: Random) {
    this.#heap = new Uint32Array(size);
    this.#due = new Float64Array(size);
    this.#weightOf = weightOf;
    for (let i = 0; i < size; i++) {
      this.#heap[i] = i;
      this.#due[i] = random() / weightOf(i);
    }
    for (let i = (size >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** The index of the next entry. There must be one. */
  next(): number {
    const index = this.#heap[0] as number;
    this.#due[index] = (this.#due[index] as number) + 1 / this.#weightOf(index);
    this.#sink(0);
    return index;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const due = this.#due;
    const moved = heap[from] as number;
    const deadline = due[moved] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && (due[heap[right] as number] as number) < (due[heap[child] as number] as number))
        child = right;
      if ((due[heap[child] as number] as number) >= deadline) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = moved;
  }
}
