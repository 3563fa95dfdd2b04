import type { z } from 'zod';
import { formatPath, type Issue, showValue } from './issue.ts';
import type { FieldPath } from './manifest-file.ts';
import { nearest } from './nearest.ts';

/** Checks a value against a schema; issues carry the offending value and the nearest known name. */
export const checkSchema = <T>(
  schema: z.ZodType<T>,
  value: unknown,
  at: FieldPath,
):
  | { readonly value: T; readonly issues: readonly [] }
  | { readonly value: undefined; readonly issues: readonly Issue[] } => {
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data, issues: [] };
  const issues = result.error.issues.flatMap((issue) => toIssues(issue, schema, value, at));
  return { value: undefined, issues };
};

const toIssues = (issue: z.core.$ZodIssue, schema: z.ZodType, root: unknown, at: FieldPath): Issue[] => {
  const inner = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  const path = [...at, ...inner];
  const found = valueAt(root, inner);
  const where = formatPath(path);
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(schema, inner);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      return {
        error: 'unknownField',
        level: 'error',
        path: [...path, key],
        message: `unknown field ${formatPath([...path, key])}`,
        hint: meant ? `did you mean ${meant}?` : known.length > 0 ? `known here: ${known.join(', ')}` : '',
      };
    });
  }
  if (found === undefined) return [{ error: 'missingField', level: 'error', path, message: `${where} is missing` }];
  const says = expectation(issue);
  const quote = issue.code === 'invalid_type' && issue.expected === 'string' && typeof found !== 'object';
  return [
    {
      error: 'invalidValue',
      level: 'error',
      path,
      message: `${where} is ${showValue(found)}, ${says}`,
      hint: quote ? `write it in quotes: ${JSON.stringify(JSON.stringify(found))}` : suggestion(issue, found),
    },
  ];
};

const TYPE_NAMES: Record<string, string> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const expectation = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return issue.origin === 'array'
        ? `must have at least ${issue.minimum} item`
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_key':
      return `has a key that is not allowed: ${issue.issues.map((i) => i.message).join(', ')}`;
    default:
      return issue.message;
  }
};

const suggestion = (issue: z.core.$ZodIssue, found: unknown): string => {
  if (issue.code === 'invalid_type' && issue.expected === 'number' && typeof found === 'string')
    return found.trim() !== '' && Number.isFinite(Number(found)) ? `write it without quotes: ${found}` : '';
  if (issue.code !== 'invalid_value' || typeof found !== 'string') return '';
  const meant = nearest(found, issue.values.map(String));
  return meant ? `did you mean ${meant}?` : '';
};

export const valueAt = (root: unknown, path: FieldPath): unknown => {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
};

interface SchemaDef {
  readonly innerType?: { readonly def: SchemaDef };
  readonly element?: { readonly def: SchemaDef };
  readonly valueType?: { readonly def: SchemaDef };
  readonly shape?: Readonly<Record<string, { readonly def: SchemaDef }>>;
}

/** The field names that the schema has at a path of values. */
const fieldsAt = (schema: z.ZodType, path: FieldPath): string[] => {
  let def: SchemaDef | undefined = schema.def as SchemaDef;
  const unwrapped = (d: SchemaDef | undefined): SchemaDef | undefined => {
    let inner = d;
    while (inner?.innerType) inner = inner.innerType.def;
    return inner;
  };
  for (const key of path) {
    const outer: SchemaDef | undefined = unwrapped(def);
    def = (typeof key === 'number' ? outer?.element : (outer?.shape?.[key] ?? outer?.valueType))?.def;
  }
  return Object.keys(unwrapped(def)?.shape ?? {});
};
