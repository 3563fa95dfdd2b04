import type { Diagnostic, ObjectRef } from '@weft/base/diagnostic';
import { assembleMesh, type MeshSettings } from './assemble-mesh.ts';
import { crossCheck } from './cross-check.ts';
import { objectKey } from './identify.ts';
import type { LastGood } from './last-good.ts';
import { ManifestFile } from './manifest-file.ts';
import type { Identified, ManifestObject } from './manifest-object.ts';
import type { DeniedSelection, Mesh } from './mesh.ts';
import type { Reading } from './mesh-part.ts';
import { type FileContents, readFile } from './read-file.ts';
import { readObject } from './read-object.ts';
import { Report } from './report.ts';
import { settle } from './settle.ts';
import { positionIn, SourceIndex } from './source-index.ts';

export interface ManifestText {
  readonly path: string;
  readonly text: string;
}

export interface LoadOptions {
  /** Default `cluster.local`. */
  readonly trustDomain?: string;
  /** Default `istio-system`. */
  readonly rootNamespace?: string;
  /** Default `cluster.local`. */
  readonly domainSuffix?: string;
  /** From `recallLastGood`, for the first load after a restart; later loads take it from the previous result. */
  readonly lastGood?: LastGood;
}

export interface LoadResult {
  readonly mesh: Mesh;
  /** In the order of files, lines and columns. */
  readonly diagnostics: readonly Diagnostic[];
  readonly index: SourceIndex;
  readonly lastGood: LastGood;
  /** What the next load need not do again. */
  readonly memory: LoadMemory;
}

interface LoadMemory {
  readonly settings: MeshSettings;
  readonly files: ReadonlyMap<string, ManifestFile>;
  readonly readings: ReadonlyMap<string, KnownReading>;
}

export interface KnownReading {
  readonly object: Identified;
  readonly reading: Reading;
}

/**
 * Reads manifests into a mesh. It never throws on what a file says: every mistake is a diagnostic, and freezes no more
 * than it must. A syntax error freezes its file's objects, an invalid object itself; frozen means that the last
 * good version stays. A security object without one denies what it selects. An object that is gone is gone.
 *
 * `previous` makes objects that did not change the same JavaScript objects as before.
 */
export const loadMesh = (
  files: readonly ManifestText[],
  previous?: LoadResult,
  options: LoadOptions = {},
): LoadResult => {
  const settings: MeshSettings = {
    trustDomain: options.trustDomain ?? 'cluster.local',
    rootNamespace: options.rootNamespace ?? 'istio-system',
    domainSuffix: options.domainSuffix ?? 'cluster.local',
  };
  const before = previous && sameSettings(previous.memory.settings, settings) ? previous.memory : undefined;
  const parsed = parseFiles(files, before);
  const contents = [...parsed.values()].map(readFile);
  const report = new Report();
  for (const { file } of contents)
    for (const { at, message } of file.errors)
      report.add('yamlSyntax', 'error', { file: file.path, ...at }, NO_OBJECT, message, templateHint(file));
  for (const { unreadable } of contents)
    for (const { issue, ref, source } of unreadable)
      if (issue) report.issue({ hint: templateHint(source.file), ...issue }, ref, positionIn(source, issue.path));

  const objects = chooseObjects(contents, report);
  const lastGood = previous?.lastGood ?? options.lastGood;
  const readings = readAll(objects, settings.domainSuffix, before?.readings, lastGood);
  for (const [key, { reading }] of readings) {
    const object = objects.get(key) as ManifestObject;
    for (const issue of reading.issues) report.issue(issue, object, positionIn(object.source, issue.path));
  }
  const settled = settle(contents, objects, readings, lastGood, report);
  const denied = keepIdentity(settled.denied, previous?.mesh.denied ?? []);
  const mesh = assembleMesh(settings, settled.parts, denied, before && previous?.mesh);
  const index = new SourceIndex(objects);
  for (const finding of crossCheck(mesh)) {
    const at = settled.frozen.has(objectKey(finding.of.kind, finding.of.namespace, finding.of.name))
      ? undefined // What the file says now is something else.
      : index.positionOf(finding.of, finding.issue.path);
    if (at) report.issue(finding.issue, finding.of, at);
  }
  return {
    mesh,
    diagnostics: report.sorted(),
    index,
    lastGood: { objects: settled.lastGood },
    memory: { settings, files: parsed, readings },
  };
};

const templateHint = (file: ManifestFile): string =>
  file.text.includes('{{') ? 'this looks like a template; render it first' : '';

const NO_OBJECT: ObjectRef = { kind: '', namespace: '', name: '' };

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const sameSettings = (a: MeshSettings, b: MeshSettings): boolean =>
  a.trustDomain === b.trustDomain && a.rootNamespace === b.rootNamespace && a.domainSuffix === b.domainSuffix;

const parseFiles = (
  files: readonly ManifestText[],
  before: LoadMemory | undefined,
): ReadonlyMap<string, ManifestFile> => {
  const parsed = new Map<string, ManifestFile>();
  for (const { path, text } of [...files].sort((a, b) => compare(a.path, b.path))) {
    const known = before?.files.get(path);
    parsed.set(path, known?.text === text ? known : new ManifestFile(path, text));
  }
  return parsed;
};

/** Of several objects of one name the first in path order counts. */
const chooseObjects = (contents: readonly FileContents[], report: Report): ReadonlyMap<string, ManifestObject> => {
  const chosen = new Map<string, ManifestObject>();
  for (const object of contents.flatMap((c) => c.objects)) {
    const first = object.name === '' ? undefined : chosen.get(object.key);
    if (!first) {
      chosen.set(object.name === '' ? `${object.key}#${chosen.size}` : object.key, object);
      continue;
    }
    const { file, line, column } = positionIn(first.source, []);
    report.add(
      'duplicateObject',
      'error',
      positionIn(object.source, []),
      object,
      `defined already at ${file}:${line}:${column}; this one is ignored`,
      'remove one of them',
    );
  }
  return chosen;
};

const readAll = (
  objects: ReadonlyMap<string, ManifestObject>,
  domainSuffix: string,
  before: ReadonlyMap<string, KnownReading> | undefined,
  lastGood: LastGood | undefined,
): ReadonlyMap<string, KnownReading> => {
  const readings = new Map<string, KnownReading>();
  for (const [key, object] of objects) {
    const known = [before?.get(key), lastGood?.objects.get(key)].find((k) => k && sameManifest(k.object, object));
    // The new object, as the old one would keep the text of its file alive.
    readings.set(key, { object, reading: known?.reading ?? readObject(object, domainSuffix) });
  }
  return readings;
};

const sameManifest = (a: Identified, b: Identified): boolean =>
  a.manifest === b.manifest || JSON.stringify(a.manifest) === JSON.stringify(b.manifest);

const keepIdentity = (
  denied: readonly DeniedSelection[],
  before: readonly DeniedSelection[],
): readonly DeniedSelection[] => {
  const known = new Map(before.map((d) => [JSON.stringify(d), d]));
  return denied.map((d) => known.get(JSON.stringify(d)) ?? d);
};
