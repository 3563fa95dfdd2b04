import type { Http2Stream } from './stream.ts';

const FIRST_SLOTS = 16;
const MAX_SLOTS = 512;

/**
 * The open streams of a session by id. A map would leave garbage for every request that comes and goes; ids of one side count up by
 * two, so those open at a time are near each other and each has a slot of its own:
 *
 *     slots  [ 33 . 37 39 9 . . 31 ]      slot of an id: its half, modulo the slots
 *
 * On a collision the slots are doubled, up to a limit: then the newcomer goes to a map (a long-lived stream among many short ones).
 */
export class StreamTable {
  #slots: (Http2Stream | null)[] = [];
  #colliding: Map<number, Http2Stream> | null = null;
  size = 0;

  get(id: number): Http2Stream | null {
    const stream = this.#slots.length === 0 ? null : (this.#slots[this.#slotOf(id)] as Http2Stream | null);
    if (stream !== null && stream.id === id) return stream;
    return this.#colliding?.get(id) ?? null;
  }

  /** No other stream has its id. */
  add(stream: Http2Stream): void {
    this.size++;
    if (this.#slots.length === 0) this.#slots = new Array<Http2Stream | null>(FIRST_SLOTS).fill(null);
    while (this.#slots[this.#slotOf(stream.id)] !== null) {
      if (this.#slots.length === MAX_SLOTS) {
        (this.#colliding ??= new Map()).set(stream.id, stream);
        return;
      }
      this.#grow();
    }
    this.#slots[this.#slotOf(stream.id)] = stream;
  }

  /** Does nothing if it is not there. */
  delete(stream: Http2Stream): void {
    const slot = this.#slotOf(stream.id);
    if (this.#slots[slot] === stream) this.#slots[slot] = null;
    else if (!this.#colliding?.delete(stream.id)) return;
    this.size--;
  }

  /** As they are now, in no order that means anything. */
  all(): Http2Stream[] {
    const open = this.#slots.filter((stream) => stream !== null);
    if (this.#colliding !== null) open.push(...this.#colliding.values());
    return open;
  }

  #slotOf(id: number): number {
    return (id >> 1) & (this.#slots.length - 1);
  }

  /** Streams that have slots of their own have them among twice as many. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<Http2Stream | null>(old.length * 2).fill(null);
    for (const stream of old) if (stream !== null) this.#slots[this.#slotOf(stream.id)] = stream;
  }
}
