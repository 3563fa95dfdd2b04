/** How a stream that is no more came to its end; `unknown` for one that never was, or was long ago. */
export type Ending = 'unknown' | 'ended' | 'resetByUs' | 'resetByPeer';

const REMEMBERED = 64;

/** The last streams that closed: what still comes on them is a mistake, or was on its way when we reset them. */
export class ClosedStreams {
  readonly #ids: number[] = [];
  readonly #endings: Ending[] = [];
  #next = 0;

  add(id: number, ending: Ending): void {
    this.#ids[this.#next] = id;
    this.#endings[this.#next] = ending;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  ending(id: number): Ending {
    const at = this.#ids.lastIndexOf(id);
    return at === -1 ? 'unknown' : (this.#endings[at] as Ending);
  }
}
