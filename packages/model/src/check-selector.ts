import { formatPath, type Issue } from './issue.ts';
import type { FieldPath } from './manifest-file.ts';

/** Labels of a selector are exact: a wildcard in one would silently match nothing. */
export const checkSelector = (
  labels: Readonly<Record<string, string>> | undefined,
  at: FieldPath = ['spec', 'selector', 'matchLabels'],
): Issue[] =>
  Object.entries(labels ?? {}).flatMap(([key, value]): Issue[] => {
    const path = [...at, key];
    const problem =
      key === '' ? 'has an empty key' : /\*/.test(key + value) ? 'has a wildcard; labels match exactly' : '';
    if (!problem) return [];
    return [{ error: 'invalidValue', level: 'error', path, message: `${formatPath(path)} ${problem}` }];
  });
