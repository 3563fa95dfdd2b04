import { type FSWatcher, watch } from 'node:fs';
import type { Clock, Timer } from '@weft/base/clock';

/** Where the system cannot watch (no inotify watches left, a network file system), it is looked at this often. */
const POLL_MS = 500;

/**
 * Calls back on each change in any of a set of directories (not below them). Which file changed is not told, as editors
 * rename, replace and link in ways that each system reports differently: look at all of them.
 */
export class DirectoryWatch {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #poll: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** True while some directory is polled instead of watched. */
  get polling(): boolean {
    return this.#poll !== undefined;
  }

  setDirectories(directories: readonly string[]): void {
    if (this.#closed) return;
    const wanted = new Set(directories);
    for (const [path, watcher] of this.#watchers) {
      if (wanted.has(path)) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    for (const path of wanted) if (!this.#watchers.has(path)) this.#watch(path);
    const incomplete = this.#watchers.size < wanted.size;
    if (incomplete) this.#poll ??= this.#clock.setTimer(POLL_MS, () => this.#polled());
    else this.#stopPolling();
  }

  close(): void {
    this.#closed = true;
    this.#stopPolling();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, () => this.#onChange());
      // A directory that is removed and made again has another inode: drop the watch, the next look makes a new one.
      watcher.on('error', () => this.#drop(path, watcher));
      watcher.on('change', (event, name) => {
        if (event === 'rename' && path.endsWith(`/${String(name)}`)) this.#drop(path, watcher);
      });
      this.#watchers.set(path, watcher);
    } catch {
      // Polled instead.
    }
  }

  #drop(path: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(path) === watcher) this.#watchers.delete(path);
    this.#onChange();
  }

  #polled(): void {
    this.#poll = undefined;
    if (!this.#closed) this.#onChange();
  }

  #stopPolling(): void {
    this.#poll?.cancel();
    this.#poll = undefined;
  }
}
