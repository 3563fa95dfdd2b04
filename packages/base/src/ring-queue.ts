/**
 * First in, first out over a circular array whose size is a power of two; push and shift are O(1) and allocate only
 * when it grows.
 *
 *     slots  [ . . c d e . . . ]      head → c, length 3, mask 7
 */
export class RingQueue<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(8);
  #head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length++) & (this.#slots.length - 1)] = item;
  }

  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.length--;
    return item;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<T | undefined>(old.length * 2);
    for (let i = 0; i < this.length; i++) this.#slots[i] = old[(this.#head + i) & (old.length - 1)];
    this.#head = 0;
  }
}
