import { getHeapStatistics } from 'node:v8';
import type { Clock, Timer } from '@weft/base/clock';

/** Ceilings of a process, past which it sheds load and stays up: Envoy's overload manager. */
export interface OverloadLimits {
  /** Client connections of all listeners, Envoy's `max_active_downstream_connections`. Default 50,000. */
  readonly maxDownstreamConnections?: number;
  /** Resident memory; default what the system allows the process, if it says so. 0: no ceiling. */
  readonly maxMemoryBytes?: number;
}

/** What is used of each, between 0 and 1. */
export interface MemoryUse {
  readonly heap: number;
  readonly resident: number;
}

const DEFAULT_CONNECTIONS = 50_000;
/** Shares of a ceiling at which shedding begins, and below which it ends. */
const SHED_AT = 0.92;
const RECOVERED_AT = 0.85;
const LOOK_MS = 250;

/**
 * Looked at by each connection and each request; costs them one comparison. Past the ceiling of connections new ones are
 * closed; short of memory, requests are answered 503 and their connections closed, so that what holds memory goes.
 */
export class Overload {
  /** Requests are answered 503. */
  shedding = false;
  /** Of clients, with those whose first bytes are awaited. */
  connections = 0;
  readonly maxConnections: number;
  readonly #clock: Clock;
  readonly #memoryUse: () => MemoryUse;
  #timer: Timer | null = null;

  constructor(limits: OverloadLimits, clock: Clock, memoryUse: () => MemoryUse = systemMemoryUse(limits)) {
    this.maxConnections = limits.maxDownstreamConnections ?? DEFAULT_CONNECTIONS;
    this.#clock = clock;
    this.#memoryUse = memoryUse;
  }

  /** False: refused. Else `left` is to be called when the connection has gone. */
  entered(): boolean {
    if (this.connections >= this.maxConnections) return false;
    this.connections++;
    return true;
  }

  left(): void {
    this.connections--;
  }

  /** Watches the memory until `close`. */
  start(): void {
    this.#timer = this.#clock.setTimer(LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { heap, resident } = this.#memoryUse();
    const use = Math.max(heap, resident);
    this.shedding = use >= (this.shedding ? RECOVERED_AT : SHED_AT);
  }
}

const systemMemoryUse = ({ maxMemoryBytes }: OverloadLimits): (() => MemoryUse) => {
  const heapLimit = getHeapStatistics().heap_size_limit;
  const limit = maxMemoryBytes ?? process.constrainedMemory();
  return () => ({
    heap: getHeapStatistics().used_heap_size / heapLimit,
    resident: limit > 0 ? process.memoryUsage.rss() / limit : 0,
  });
};
