/** What `Screen` writes to: `process.stdout`, or a test's. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/**
 * Lines that scroll, and below them a footer that is drawn anew in place. Without a terminal the footer is printed as
 * lines now and then, when the caller says so.
 */
export class Screen {
  readonly #out: Terminal;
  #footer: readonly string[] = [];
  /** How many rows the footer takes on the screen now. */
  #drawn = 0;

  constructor(out: Terminal) {
    this.#out = out;
  }

  get live(): boolean {
    return this.#out.isTTY === true;
  }

  print(text: string): void {
    const lines = `${text.replace(/\n$/, '')}\n`;
    if (this.#drawn === 0) this.#out.write(lines);
    else this.#out.write(this.#erase() + lines + this.#draw());
  }

  /** Replaces the footer; without a terminal prints it. */
  show(lines: readonly string[]): void {
    if (!this.live) {
      this.#out.write(`${lines.join('\n')}\n`);
      return;
    }
    const erase = this.#erase();
    this.#footer = lines;
    this.#out.write(erase + this.#draw());
  }

  /** Leaves the footer as the last thing on the screen. */
  close(): void {
    this.#footer = [];
    this.#drawn = 0;
  }

  #erase(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\x1b[0J`;
  }

  /** A row longer than the screen would wrap and put the count wrong, so it is cut. */
  #draw(): string {
    const columns = this.#out.columns ?? 80;
    const rows = Math.max(1, (this.#out.rows ?? 24) - 1);
    const lines = this.#footer.slice(0, rows).map((line) => cut(line, columns));
    this.#drawn = lines.length;
    return lines.map((line) => `${line}\n`).join('');
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that starts a colour
const ESCAPE = /\x1b\[[0-9;]*m/g;

/** The text without colours. */
export const plainText = (text: string): string => text.replace(ESCAPE, '');

/** At most `width` visible characters; colours are kept and closed. */
export const cut = (text: string, width: number): string => {
  if (plainText(text).length <= width) return text;
  let seen = 0;
  let result = '';
  for (const part of text.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith('\x1b[')) result += part;
    else {
      result += part.slice(0, Math.max(0, width - seen));
      seen += part.length;
    }
  }
  return result;
};
