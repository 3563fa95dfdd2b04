import type { Clock, Timer } from '@weft/base/clock';

export interface AdmissionOptions {
  readonly clock: Clock;
  /** So many are served their first configuration at a time; the others wait in the order in which they came. */
  readonly places: number;
  /** A place is kept no longer than this, in ms: a client that is slow, or silent, does not hold up the rest. */
  readonly holdMs: number;
}

/**
 * When a thousand proxies come at once (a restart, a network that is back), each is to be served soon, and in turn:
 * a few at a time, so that neither memory nor the event loop is spent on all of them, and those that are connected
 * already still get their changes. istiod limits how many a second; a rate fits one machine, places fit any.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** In order; those that left meanwhile are skipped. */
  readonly #waiting = new Set<Place>();
  #taken = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls `admitted` at once, or when it is this one's turn. `leave`: it has what it came for, or has gone. */
  enter(admitted: () => void): { leave(): void } {
    const place: Place = { admitted, timer: undefined };
    this.#waiting.add(place);
    this.#admit();
    return { leave: () => this.#leave(place) };
  }

  #admit(): void {
    for (const place of this.#waiting) {
      if (this.#taken >= this.#options.places) return;
      this.#waiting.delete(place);
      this.#taken++;
      place.timer = this.#options.clock.setTimer(this.#options.holdMs, () => this.#leave(place));
      place.admitted();
    }
  }

  #leave(place: Place): void {
    if (this.#waiting.delete(place) || !place.timer) return;
    place.timer.cancel();
    place.timer = undefined;
    this.#taken--;
    this.#admit();
  }
}

interface Place {
  readonly admitted: () => void;
  /** While it has a place. */
  timer: Timer | undefined;
}
