import { formatPath, type Issue } from './issue.ts';
import { COMMAND_ANNOTATION } from './kinds/pod-template.ts';
import type { FieldPath } from './manifest-file.ts';
import { isRecord } from './manifest-object.ts';
import { nearest } from './nearest.ts';
import { APP_PORTS_ANNOTATION, WORKLOAD_KEY } from './read-pod.ts';

const KNOWN = [COMMAND_ANNOTATION, WORKLOAD_KEY, APP_PORTS_ANNOTATION];

/** Annotations of ours that do not exist: on an object, and on its pod template. */
export const unknownAnnotations = (manifest: Readonly<Record<string, unknown>>): Issue[] => {
  const template = isRecord(manifest.spec) && isRecord(manifest.spec.template) ? manifest.spec.template : {};
  return [...unknownIn(manifest, ['metadata']), ...unknownIn(template, ['spec', 'template', 'metadata'])];
};

const unknownIn = ({ metadata }: Readonly<Record<string, unknown>>, at: FieldPath): Issue[] => {
  const annotations = isRecord(metadata) && isRecord(metadata.annotations) ? metadata.annotations : {};
  return Object.keys(annotations)
    .filter((key) => key.startsWith('weft.dev/') && !KNOWN.includes(key))
    .map((key): Issue => {
      const path = [...at, 'annotations', key];
      const meant = nearest(key, KNOWN);
      const hint = meant ? `did you mean ${meant}?` : `known: ${KNOWN.join(', ')}`;
      return { error: 'unknownField', level: 'warning', path, message: `unknown annotation ${formatPath(path)}`, hint };
    });
};
