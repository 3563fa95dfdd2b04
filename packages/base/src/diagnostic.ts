import { type ErrorName, errors } from './errors.ts';

export type Level = 'error' | 'warning' | 'info';

/** Where something stands in a manifest. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing to tell the author of a manifest; the JSON form of `--output json`, field for field. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly level: Level;
  readonly code: string;
  readonly istioCode: string | null;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** What is wrong, with the offending value. */
  readonly message: string;
  /** What to write instead; empty if there is nothing to say. */
  readonly hint: string;
}

export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export const diagnostic = (
  name: ErrorName,
  level: Level,
  at: SourcePosition,
  of: ObjectRef,
  message: string,
  hint = '',
): Diagnostic => {
  const kind: { code: string; istioCode?: string } = errors[name];
  return {
    file: at.file,
    line: at.line,
    column: at.column,
    level,
    code: kind.code,
    istioCode: kind.istioCode ?? null,
    kind: of.kind,
    namespace: of.namespace,
    name: of.name,
    message,
    hint,
  };
};

/** `file:line:col: error WEFT0123 (VirtualService default/reviews): what is wrong; what to write instead` */
export const formatDiagnostic = (d: Diagnostic): string => {
  const object = d.kind ? ` (${d.kind} ${d.namespace ? `${d.namespace}/` : ''}${d.name})` : '';
  return `${d.file}:${d.line}:${d.column}: ${d.level} ${d.code}${object}: ${d.message}${d.hint ? `; ${d.hint}` : ''}`;
};
