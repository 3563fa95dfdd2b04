import { join } from 'node:path';
import type { Clock, Timer } from '@weft/base/clock';
import type { Credentials } from '@weft/identity/workload-identity';
import type { LineLog } from '@weft/telemetry/log';
import { type KeptConfiguration, readConfiguration, writeConfiguration } from './kept-configuration.ts';
import { readCredentials, writeCredentials } from './kept-credentials.ts';
import { readPrivateFile, replacePrivateFile } from './private-file.ts';

export interface StateKeeperOptions {
  readonly stateDir: string;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: LineLog;
  /** What is in force, taken when it is written. */
  readonly configuration: () => KeptConfiguration;
  /** After the last change. Default 1,000 ms. */
  readonly debounceMs?: number;
}

const CONFIGURATION = 'configuration.bin';
const CREDENTIALS = 'credentials.json';

/**
 * What a proxy needs to serve without a control plane, in its state directory: the last configuration and the present
 * credentials. Neither is ever needed: whatever is wrong with the files is told and they are left aside.
 */
export class StateKeeper {
  readonly #options: StateKeeperOptions;
  #timer: Timer | null = null;
  /** Writes wait for each other; the last one settles last. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: StateKeeperOptions) {
    this.#options = options;
  }

  /** `rootsPem`: the roots that the bootstrap names; asked for if there are credentials. */
  readCredentials(spiffeId: string, rootsPem: () => string): Credentials | null {
    const { clock } = this.#options;
    return this.#read(CREDENTIALS, (file) => readCredentials(file.toString(), spiffeId, rootsPem(), clock.now()));
  }

  readConfiguration(): KeptConfiguration | null {
    return this.#read(CONFIGURATION, (file) => readConfiguration(file, this.#options.nodeId));
  }

  credentialsChanged(credentials: Credentials): void {
    this.#write(CREDENTIALS, () => [writeCredentials(credentials)]);
  }

  configurationChanged(): void {
    const { clock, debounceMs = 1000 } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(debounceMs, () => this.#writeConfiguration());
  }

  /** Writes what is waiting, and resolves when all is written. */
  async close(): Promise<void> {
    if (this.#timer !== null) this.#writeConfiguration();
    await this.#writing;
  }

  #writeConfiguration(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const { nodeId, configuration } = this.#options;
    this.#write(CONFIGURATION, () => writeConfiguration(nodeId, configuration()));
  }

  #write(name: string, parts: () => (string | Uint8Array)[]): void {
    const path = join(this.#options.stateDir, name);
    this.#writing = this.#writing
      .then(() => replacePrivateFile(path, parts()))
      .catch((error: NodeJS.ErrnoException) => {
        this.#options.log.warning('state not kept', { code: 'WEFT0203', path, reason: error.code ?? error.message });
      });
  }

  #read<T>(name: string, read: (file: Buffer) => T): T | null {
    const path = join(this.#options.stateDir, name);
    try {
      const file = readPrivateFile(path);
      return file === null ? null : read(file);
    } catch (error) {
      this.#options.log.warning('kept state left aside', { path, reason: (error as Error).message });
      return null;
    }
  }
}
