import { open, write } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import type { Counter } from '@weft/telemetry/metrics';

/** Text waiting for a log that does not take it; what comes beyond is dropped and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 100;
const STDOUT = 1;
const STDERR = 2;

/**
 * A file, or one of the standard streams, that text is appended to without ever blocking the event loop: a write runs
 * on a thread of the pool, one at a time. `process.stdout` would block where it is a pipe that nobody reads.
 */
export class AccessLogFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #dropped: Counter;
  #fd: number | null;
  #busy = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #onDrained: (() => void)[] = [];

  constructor(path: string, clock: Clock, dropped: Counter) {
    this.#path = path;
    this.#clock = clock;
    this.#dropped = dropped;
    this.#fd = path === '/dev/stdout' ? STDOUT : path === '/dev/stderr' ? STDERR : null;
  }

  /** `bytes` are the file's from now on. */
  append(bytes: Buffer, lines: number): void {
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) return this.#dropped.add(lines);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#busy) this.#next();
  }

  /** Resolves when nothing is waiting, be it because the log failed. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#busy && this.#waiting.length === 0) resolve();
      else this.#onDrained.push(resolve);
    });
  }

  #next(): void {
    const bytes = this.#waiting.shift();
    if (!bytes) {
      this.#busy = false;
      for (const resolve of this.#onDrained.splice(0)) resolve();
      return;
    }
    this.#waitingBytes -= bytes.length;
    this.#busy = true;
    if (this.#fd !== null) this.#write(this.#fd, bytes);
    else
      open(this.#path, 'a', 0o600, (error, fd) => {
        // A log that cannot be opened is tried again with the next batch.
        if (error) return this.#lose(bytes);
        this.#fd = fd;
        this.#write(fd, bytes);
      });
  }

  #write(fd: number, bytes: Buffer): void {
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') this.#clock.setTimer(RETRY_MS, () => this.#write(fd, bytes));
      else if (error) this.#lose(bytes);
      else if (written < bytes.length) this.#write(fd, bytes.subarray(written));
      else this.#next();
    });
  }

  #lose(bytes: Buffer): void {
    let lines = 0;
    for (const byte of bytes) if (byte === 0x0a) lines++;
    this.#dropped.add(lines);
    this.#next();
  }
}
