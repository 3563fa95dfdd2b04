import type { Diagnostic, ObjectRef } from '@weft/base/diagnostic';
import { type Assembly, assembleMesh, emptyAssembly, type MeshSettings } from './assemble-mesh.ts';
import { crossCheck } from './cross-check.ts';
import { identify, objectKey } from './identify.ts';
import type { LastGood, LastGoodObject } from './last-good.ts';
import { ManifestFile } from './manifest-file.ts';
import type { ManifestObject } from './manifest-object.ts';
import type { DeniedSelection, Mesh } from './mesh.ts';
import { changeFiles, emptyTable, type ObjectTable } from './object-table.ts';
import { changeReadings, type KnownReading, noReadings, type Readings } from './readings.ts';
import { Report } from './report.ts';
import type { Change } from './revision.ts';
import { settle } from './settle.ts';
import { SortedMap } from './sorted-map.ts';
import { SourceIndex } from './source-index.ts';

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
  /** In the order of files, lines and columns. Put together when first asked for. */
  readonly diagnostics: readonly Diagnostic[];
  readonly index: SourceIndex;
  readonly lastGood: LastGood;
  /** What the next load need not do again. */
  readonly memory: LoadMemory;
}

interface LoadMemory {
  readonly settings: MeshSettings;
  readonly table: ObjectTable;
  readonly readings: SortedMap<KnownReading>;
  readonly read: Readings;
  readonly lastGood: SortedMap<LastGoodObject>;
  readonly frozen: ReadonlySet<string>;
  readonly assembly: Assembly;
}

/**
 * Reads manifests into a mesh. It never throws on what a file says: every mistake is a diagnostic, and freezes no more
 * than it must. A syntax error freezes its file's objects, an invalid object itself; frozen means that the last
 * good version stays. A security object without one denies what it selects. An object that is gone is gone.
 *
 * With `previous` it costs what changed: files whose text is the same are not looked at, of others only the documents that
 * changed. Objects that did not change are the same JavaScript objects as before, and the mesh is, if nothing did.
 */
export const loadMesh = (
  files: readonly ManifestText[],
  previous?: LoadResult,
  options: LoadOptions = {},
): LoadResult => {
  const known = previous && sameSettings(previous, options) ? previous.memory.table.files : emptyTable.files;
  const changes = new Map<string, ManifestFile | undefined>();
  for (const { path, text } of files) {
    const before = known.get(path);
    if (before?.text !== text) changes.set(path, new ManifestFile(path, text, before));
    else changes.delete(path);
  }
  if (known.size > 0) {
    const paths = new Set(files.map(({ path }) => path));
    for (const path of known.keys()) if (!paths.has(path)) changes.set(path, undefined);
  }
  return load(changes, previous, options);
};

/** An object as an API server has it, or that it is gone. */
export type ObjectEvent =
  | { readonly kind: 'put'; readonly manifest: Readonly<Record<string, unknown>> }
  | { readonly kind: 'gone'; readonly manifest: Readonly<Record<string, unknown>> };

/**
 * As `loadMesh`, for objects that are parsed already: each takes the place of one of its kind, namespace and name. Their
 * positions are their paths, `api:Kind/namespace/name`. Not to be mixed with files in one line of results.
 */
export const loadObjects = (
  events: Iterable<ObjectEvent>,
  previous?: LoadResult,
  options: LoadOptions = {},
): LoadResult => {
  const changes = new Map<string, ManifestFile | undefined>();
  for (const { kind, manifest } of events) {
    const found = identify(manifest);
    const { kind: ofKind, namespace, name } = found.object ?? found.ref;
    const path = `api:${found.object?.key ?? objectKey(ofKind, namespace, name)}`;
    changes.set(path, kind === 'put' ? ManifestFile.ofObject(path, manifest) : undefined);
  }
  return load(changes, previous, options);
};

const settingsOf = (options: LoadOptions): MeshSettings => ({
  trustDomain: options.trustDomain ?? 'cluster.local',
  rootNamespace: options.rootNamespace ?? 'istio-system',
  domainSuffix: options.domainSuffix ?? 'cluster.local',
});

const sameSettings = ({ memory: { settings: a } }: LoadResult, options: LoadOptions): boolean => {
  const b = settingsOf(options);
  return a.trustDomain === b.trustDomain && a.rootNamespace === b.rootNamespace && a.domainSuffix === b.domainSuffix;
};

const load = (
  changes: ReadonlyMap<string, ManifestFile | undefined>,
  previous: LoadResult | undefined,
  options: LoadOptions,
): LoadResult => {
  const settings = settingsOf(options);
  const before = previous && sameSettings(previous, options) ? previous.memory : undefined;
  const restored = before ? undefined : (previous?.lastGood ?? options.lastGood);
  const lastGoodBefore = before?.lastGood ?? SortedMap.of(restored?.objects ?? []);
  const { table, affected } = changeFiles(before?.table ?? emptyTable, changes);
  const index = new SourceIndex(table);
  const read = changeReadings(
    before?.read ?? noReadings,
    table,
    affected,
    settings.domainSuffix,
    before ? lastGoodBefore : options.lastGood?.objects,
  );

  const settling = new Report();
  const settled = settle(
    {
      objects: withInvalid(read, affected),
      gone: goneObjects(read, lastGoodBefore, before ? [...affected, ...before.frozen] : lastGoodBefore.keys()),
      doubtful: table.doubtful.values(),
      lastGood: lastGoodBefore,
    },
    index,
    settling,
  );
  const lastGood = lastGoodBefore.with(settled.lastGood);
  const inForce = new Map<string, Change<LastGoodObject>>();
  // What a restart recalled is not in a mesh yet.
  for (const key of before ? settled.lastGood.keys() : lastGood.keys())
    inForce.set(key, { before: before && lastGoodBefore.get(key), after: lastGood.get(key) });
  const assembly = assembleMesh(
    before?.assembly ?? emptyAssembly(settings),
    inForce,
    lastGood,
    keepIdentity(settled.denied, previous?.mesh.denied ?? []),
  );
  const { mesh } = assembly;
  let diagnostics: readonly Diagnostic[] | undefined;
  return {
    mesh,
    get diagnostics() {
      return (diagnostics ??= diagnose(table, read, settling, mesh, settled.frozen, index));
    },
    index,
    lastGood: { objects: lastGood, ...(before && { changed: new Set(settled.lastGood.keys()) }) },
    memory: { settings, table, readings: read.all, read, lastGood, frozen: settled.frozen, assembly },
  };
};

/** Objects to decide about: those that changed, and those that are still invalid. */
const withInvalid = (read: Readings, affected: ReadonlySet<string>): ReadonlyMap<string, KnownReading> => {
  const objects = new Map<string, KnownReading>();
  for (const key of affected) {
    const known = read.all.get(key);
    if (known) objects.set(key, known);
  }
  for (const [key, known] of read.invalid) objects.set(key, known);
  return objects;
};

const goneObjects = (read: Readings, lastGood: SortedMap<LastGoodObject>, keys: Iterable<string>): LastGoodObject[] =>
  [...new Set(keys)].flatMap((key) => {
    const good = read.all.has(key) ? undefined : lastGood.get(key);
    return good ? [good] : [];
  });

/** Everything there is to say. */
const diagnose = (
  table: ObjectTable,
  read: Readings,
  settling: Report,
  mesh: Mesh,
  frozen: ReadonlySet<string>,
  index: SourceIndex,
): readonly Diagnostic[] => {
  const report = new Report(settling);
  for (const { file, unreadable } of table.doubtful.values()) {
    const hint = file.text.includes('{{') ? 'this looks like a template; render it first' : '';
    for (const { at, message } of file.errors)
      report.add('yamlSyntax', 'error', { file: file.path, ...at }, NO_OBJECT, message, hint);
    for (const { issue, ref, source } of unreadable)
      if (issue) report.issue({ hint, ...issue }, ref, index.positionIn(source, issue.path));
  }
  for (const [first, ...others] of table.repeated.values())
    for (const other of others) sayRepeated(first as ManifestObject, other, report, index);
  for (const { object, reading } of read.withIssues.values())
    for (const issue of reading.issues) report.issue(issue, object, index.positionIn(object.source, issue.path));
  for (const finding of crossCheck(mesh)) {
    const { kind, namespace, name } = finding.of;
    // Of a frozen object, what the file says now is something else.
    const at = frozen.has(objectKey(kind, namespace, name))
      ? undefined
      : index.positionOf(finding.of, finding.issue.path);
    if (at) report.issue(finding.issue, finding.of, at);
  }
  return report.sorted();
};

const NO_OBJECT: ObjectRef = { kind: '', namespace: '', name: '' };

const sayRepeated = (first: ManifestObject, other: ManifestObject, report: Report, index: SourceIndex): void => {
  const { file, line, column } = index.positionIn(first.source, []);
  report.add(
    'duplicateObject',
    'error',
    index.positionIn(other.source, []),
    other,
    `defined already at ${file}:${line}:${column}; this one is ignored`,
    'remove one of them',
  );
};

/** The same objects where they say the same, and the same list where all do. */
const keepIdentity = (
  denied: readonly DeniedSelection[],
  before: readonly DeniedSelection[],
): readonly DeniedSelection[] => {
  const known = new Map(before.map((d) => [JSON.stringify(d), d]));
  const kept = denied.map((d) => known.get(JSON.stringify(d)) ?? d);
  return kept.length === before.length && kept.every((d, i) => d === before[i]) ? before : kept;
};
