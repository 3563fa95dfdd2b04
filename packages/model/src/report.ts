import { type Diagnostic, diagnostic, type ObjectRef, type SourcePosition } from '@weft/base/diagnostic';
import type { Issue } from './issue.ts';

/** Collects diagnostics, and gives them in the order of files, lines and columns. */
export class Report {
  readonly #diagnostics: Diagnostic[];

  /** `before`: what has been said already. */
  constructor(before?: Report) {
    this.#diagnostics = before ? [...before.#diagnostics] : [];
  }

  add(
    error: Issue['error'],
    level: Issue['level'],
    at: SourcePosition,
    of: ObjectRef,
    message: string,
    hint = '',
  ): void {
    this.#diagnostics.push(diagnostic(error, level, at, of, message, hint));
  }

  issue(issue: Issue, of: ObjectRef, at: SourcePosition): void {
    this.add(issue.error, issue.level, at, of, issue.message, issue.hint);
  }

  sorted(): Diagnostic[] {
    return this.#diagnostics.sort(
      (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.code, b.code),
    );
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
