import { type Diagnostic, formatDiagnostic } from '@weft/base/diagnostic';

/** Prints diagnostics for a person, each once: those that are new since the last look, and that all is well again. */
export class DiagnosticsReport {
  readonly #write: (text: string) => void;
  #shown = new Set<string>();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  update(diagnostics: readonly Diagnostic[]): void {
    const lines = new Set(diagnostics.filter((d) => d.level !== 'info').map(formatDiagnostic));
    for (const line of lines) if (!this.#shown.has(line)) this.#write(`${line}\n`);
    if (lines.size === 0 && this.#shown.size > 0) this.#write('all manifests are valid again\n');
    this.#shown = lines;
  }
}
