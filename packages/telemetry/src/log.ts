import type { Clock } from '@weft/base/clock';

export const logLevels = ['debug', 'info', 'warning', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** One line per event: time, level, event, then `key=value`; values with spaces are quoted. Never given a secret. */
export class LineLog {
  /** What is below it is left out; can be changed at any time. */
  level: LogLevel = 'info';
  readonly #clock: Clock;
  readonly #write: (line: string) => void;

  constructor(clock: Clock, write: (line: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  debug(event: string, fields?: LogFields): void {
    this.#line('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#line('info', event, fields);
  }

  warning(event: string, fields?: LogFields): void {
    this.#line('warning', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#line('error', event, fields);
  }

  #line(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.level)) return;
    const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${quote(String(value))}`);
    this.#write(`${new Date(this.#clock.now()).toISOString()} ${level} ${event}${pairs.join('')}\n`);
  }
}

/** Quoted where a peer's text could otherwise forge a line. */
const quote = (text: string): string => (/^[\w.:/@~|-]+$/.test(text) ? text : JSON.stringify(text));
