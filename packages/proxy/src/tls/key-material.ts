import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '@weft/base/clock';
import type { DataSource } from '@weft/traffic/tls-config';

/** A file is looked at again when this long has passed, and something is asked of it. */
const LOOK_MS = 1000;

interface Known {
  text: string | null;
  /** Changes with the file; empty: it is not there. */
  stamp: string;
  lookedMs: number;
}

/**
 * Certificates, keys and roots from where a configuration says that they are. A file that is replaced is read anew; one
 * that cannot be read any more keeps its last content.
 */
export class KeyMaterial {
  readonly #clock: Clock;
  readonly #files = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null: it is not there, or cannot be read. */
  read(source: DataSource): string | null {
    if (source.kind === 'text') return source.text;
    if (source.kind === 'environment') return process.env[source.name] || null;
    return this.#look(source.path).text;
  }

  /** Differs once what a source says has changed. */
  stampOf(source: DataSource): string {
    return source.kind === 'file' ? this.#look(source.path).stamp : '';
  }

  #look(path: string): Known {
    const nowMs = this.#clock.monotonic();
    let known = this.#files.get(path);
    if (known !== undefined && nowMs - known.lookedMs < LOOK_MS) return known;
    if (known === undefined) this.#files.set(path, (known = { text: null, stamp: '', lookedMs: nowMs }));
    known.lookedMs = nowMs;
    try {
      const { mtimeMs, size, ino } = statSync(path);
      const stamp = `${mtimeMs} ${size} ${ino}`;
      if (stamp !== known.stamp) {
        known.text = readFileSync(path, 'utf8');
        known.stamp = stamp;
      }
    } catch {
      // What was read before is as good as it was.
    }
    return known;
  }
}
