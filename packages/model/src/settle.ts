import type { ObjectRef, SourcePosition } from '@weft/base/diagnostic';
import { deniedSelection } from './denied-selection.ts';
import type { LastGood, LastGoodObject } from './last-good.ts';
import type { ManifestFile } from './manifest-file.ts';
import type { ManifestObject } from './manifest-object.ts';
import type { DeniedSelection } from './mesh.ts';
import type { MeshPart, Reading } from './mesh-part.ts';
import { nearest } from './nearest.ts';
import type { FileContents } from './read-file.ts';
import type { Report } from './report.ts';
import { securityInText } from './security-in-text.ts';
import { positionIn } from './source-index.ts';

export interface Settled {
  readonly parts: readonly MeshPart[];
  readonly denied: readonly DeniedSelection[];
  readonly lastGood: ReadonlyMap<string, LastGoodObject>;
  /** Keys of objects whose last good version is in force. */
  readonly frozen: ReadonlySet<string>;
}

/** Decides for each object what is in force: its new version, its last good one, nothing, or denial. */
export const settle = (
  contents: readonly FileContents[],
  objects: ReadonlyMap<string, ManifestObject>,
  readings: ReadonlyMap<string, { readonly reading: Reading }>,
  before: LastGood | undefined,
  report: Report,
): Settled => {
  const lastGood = new Map<string, LastGoodObject>();
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
  for (const [key, good] of before?.objects ?? [])
    if (!objects.has(key)) {
      const list = gone.get(good.file);
      if (list) list.push(good);
      else gone.set(good.file, [good]);
    }

  for (const [key, { reading }] of readings) {
    const object = objects.get(key) as ManifestObject;
    const at = (): SourcePosition => positionIn(object.source, []);
    if (reading.part) {
      // What brings nothing into the mesh need not be remembered: a Secret must not reach the state directory.
      if (Object.keys(reading.part).length > 0)
        lastGood.set(key, { object, reading, part: reading.part, file: object.source.file.path });
      continue;
    }
    const good = before?.objects.get(key) ?? misspeltFrom(object, gone.get(object.source.file.path) ?? []);
    if (good) freeze(good, at());
    else deny(deniedSelection(object.manifest, object, selectorIsClear(reading)), object, at());
  }
  settleDoubtful(contents, gone, lastGood, freeze, deny);
  return { parts: [...lastGood.values()].map((g) => g.part), denied, lastGood, frozen };
};

/** An unknown kind is probably the object of nearly that kind, and of the same name, which its file lacks now. */
const misspeltFrom = (ref: ObjectRef, gone: readonly LastGoodObject[]): LastGoodObject | undefined =>
  gone.find(({ object }) => probablySame(object, ref));

const probablySame = (a: ObjectRef, b: ObjectRef): boolean =>
  a.namespace === b.namespace && a.name === b.name && nearest(b.kind, [a.kind]) !== undefined;

/** A document that cannot be told to be an object may be any of those that its file had. */
const settleDoubtful = (
  contents: readonly FileContents[],
  gone: ReadonlyMap<string, readonly LastGoodObject[]>,
  lastGood: ReadonlyMap<string, LastGoodObject>,
  freeze: (good: LastGoodObject, at: SourcePosition) => void,
  deny: (selection: DeniedSelection | undefined, ref: ObjectRef, at: SourcePosition) => void,
): void => {
  for (const { unreadable, file } of contents) {
    if (unreadable.length === 0 && file.errors.length === 0) continue;
    const missing = (gone.get(file.path) ?? []).filter(({ object }) => !lastGood.has(object.key));
    for (const good of missing) freeze(good, firstError(file));
    const accountedFor: ObjectRef[] = missing.map((good) => good.object);
    for (const { value, ref, source } of unreadable) {
      if (accountedFor.some((o) => probablySame(o, ref))) continue;
      const intact = source.document.intact;
      const selection = deniedSelection(value, ref, intact);
      deny(selection, ref, positionIn(source, []));
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
