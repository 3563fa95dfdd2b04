import type { ObjectRef, SourcePosition } from '@weft/base/diagnostic';
import { deniedSelection } from './denied-selection.ts';
import type { LastGoodObject } from './last-good.ts';
import type { ManifestFile } from './manifest-file.ts';
import type { ManifestObject } from './manifest-object.ts';
import type { DeniedSelection } from './mesh.ts';
import type { Reading } from './mesh-part.ts';
import { nearest } from './nearest.ts';
import type { FileContents } from './read-file.ts';
import type { Report } from './report.ts';
import { securityInText } from './security-in-text.ts';
import type { SourceIndex } from './source-index.ts';

/** What has to be decided anew: what changed, and what is not well. */
export interface Unsettled {
  /** Objects that changed and those that are invalid, by key, as they were read. */
  readonly objects: ReadonlyMap<string, { readonly object: ManifestObject; readonly reading: Reading }>;
  /** Last good versions of objects that no file has now. */
  readonly gone: readonly LastGoodObject[];
  /** Files with something that cannot be read. */
  readonly doubtful: Iterable<FileContents>;
  readonly lastGood: ReadonlyMap<string, LastGoodObject>;
}

export interface Settled {
  /** What changes in the last good versions, which are what is in force. */
  readonly lastGood: ReadonlyMap<string, LastGoodObject | undefined>;
  readonly denied: readonly DeniedSelection[];
  /** Keys of objects whose last good version is in force. */
  readonly frozen: ReadonlySet<string>;
}

/** Decides for each object what is in force: its new version, its last good one, nothing, or denial. */
export const settle = (unsettled: Unsettled, index: SourceIndex, report: Report): Settled => {
  const { lastGood: before } = unsettled;
  const lastGood = new Map<string, LastGoodObject | undefined>();
  const frozen = new Set<string>();
  const denied: DeniedSelection[] = [];
  const freeze = (good: LastGoodObject, at: SourcePosition): void => {
    lastGood.set(good.object.key, good);
    frozen.add(good.object.key);
    report.add('frozen', 'warning', at, good.object, 'its last good version stays in force');
  };
  const deny = (selection: DeniedSelection | undefined, ref: ObjectRef, at: SourcePosition): void => {
    if (!selection) return;
    denied.push(selection);
    report.add('failedClosed', 'error', at, ref, `${describeSelection(selection)} denied until this object is valid`);
  };
  const gone = new Map<string, LastGoodObject[]>();
  for (const good of unsettled.gone) {
    lastGood.set(good.object.key, undefined);
    const list = gone.get(good.file);
    if (list) list.push(good);
    else gone.set(good.file, [good]);
  }

  for (const [key, { object, reading }] of unsettled.objects) {
    const { source } = object;
    if (reading.part) {
      // What brings nothing into the mesh need not be remembered: a Secret must not reach the state directory.
      const brings = Object.keys(reading.part).length > 0;
      lastGood.set(key, brings ? { object, reading, part: reading.part, file: source.file } : undefined);
      continue;
    }
    const good = before.get(key) ?? misspeltFrom(object, gone.get(source.file) ?? []);
    const at = index.positionIn(source, []);
    if (good) freeze(good, at);
    else deny(deniedSelection(object.manifest, object, selectorIsClear(reading)), object, at);
  }
  settleDoubtful(unsettled, gone, index, (key) => lastGood.get(key) !== undefined, freeze, deny);
  return { lastGood, denied, frozen };
};

/** An unknown kind is probably the object of nearly that kind, and of the same name, which its file lacks now. */
const misspeltFrom = (ref: ObjectRef, gone: readonly LastGoodObject[]): LastGoodObject | undefined =>
  gone.find(({ object }) => probablySame(object, ref));

const probablySame = (a: ObjectRef, b: ObjectRef): boolean =>
  a.namespace === b.namespace && a.name === b.name && nearest(b.kind, [a.kind]) !== undefined;

/** A document that cannot be told to be an object may be any of those that its file had. */
const settleDoubtful = (
  { doubtful }: Unsettled,
  gone: ReadonlyMap<string, readonly LastGoodObject[]>,
  index: SourceIndex,
  isFrozen: (key: string) => boolean,
  freeze: (good: LastGoodObject, at: SourcePosition) => void,
  deny: (selection: DeniedSelection | undefined, ref: ObjectRef, at: SourcePosition) => void,
): void => {
  for (const { unreadable, file } of doubtful) {
    const missing = (gone.get(file.path) ?? []).filter(({ object }) => !isFrozen(object.key));
    for (const good of missing) freeze(good, firstError(file));
    const accountedFor: ObjectRef[] = missing.map((good) => good.object);
    for (const { value, ref, source } of unreadable) {
      if (accountedFor.some((o) => probablySame(o, ref))) continue;
      const selection = deniedSelection(value, ref, source.document.intact);
      deny(selection, ref, index.positionIn(source, []));
      if (selection) accountedFor.push(ref);
    }
    if (file.errors.length === 0) continue;
    for (const ref of securityInText(file.text)) {
      if (accountedFor.some((o) => probablySame(o, ref))) continue;
      deny({ ...ref, selector: null }, ref, firstError(file));
    }
  }
};

const firstError = (file: ManifestFile): SourcePosition => ({
  file: file.path,
  ...(file.errors[0]?.at ?? { line: 1, column: 1 }),
});

/** A field misspelt beside `spec` could be the one that has the selector. */
const selectorIsClear = ({ issues }: Reading): boolean =>
  !issues.some((issue) => issue.error === 'unknownField' && issue.path[0] !== 'spec');

const describeSelection = ({ namespace, selector }: DeniedSelection): string => {
  const labels = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
  return labels.length > 0
    ? `requests to workloads with ${labels.join(', ')} in namespace ${namespace} are`
    : `requests to all workloads of namespace ${namespace} are`;
};
