import { join } from 'node:path';
import type { Clock } from '@weft/base/clock';
import { type Diagnostic, formatDiagnostic } from '@weft/base/diagnostic';
import { ManifestReader } from '@weft/control-plane/source/read-manifests';
import { loadMesh } from '@weft/model/load';

export interface CheckOptions {
  /** Files and folders with manifests. */
  readonly paths: readonly string[];
  readonly output: 'text' | 'json';
  readonly clock: Clock;
  readonly write: (text: string) => void;
}

/** `weft check`: everything there is to say about the manifests. Answers the exit code: 1 if there are errors. */
export const check = (options: CheckOptions): number => {
  const reader = new ManifestReader({
    roots: options.paths,
    podsFile: join('.weft', 'run', 'none'),
    stateDirectory: '.weft',
    clock: options.clock,
  });
  const manifests = reader.read(true);
  const diagnostics = [...manifests.diagnostics, ...loadMesh(manifests.texts).diagnostics];
  options.write(
    options.output === 'json'
      ? `${JSON.stringify(diagnostics, null, 2)}\n`
      : asText(diagnostics, manifests.texts.length),
  );
  return diagnostics.some((d) => d.level === 'error') ? 1 : 0;
};

const asText = (diagnostics: readonly Diagnostic[], files: number): string => {
  const count = (level: Diagnostic['level']): number => diagnostics.filter((d) => d.level === level).length;
  const lines = diagnostics.map(formatDiagnostic);
  lines.push(`${files} files: ${count('error')} errors, ${count('warning')} warnings`);
  return `${lines.join('\n')}\n`;
};
