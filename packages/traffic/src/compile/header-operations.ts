import { type AccessLogFormat, compileHeaderFormat } from '@weft/telemetry/access-log';
import type { HeaderMutation } from '@weft/xds-api/gen/envoy/config/common/mutation_rules/v3';
import type { HeaderValueOption } from '@weft/xds-api/gen/envoy/config/core/v3';
import { noHeaderOperations } from '../header-operations.ts';
import type { HeaderOperations, HeaderStep } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required } from './fields.ts';

/** What one level (table, virtual host, route, weighted cluster) does: Envoy removes first, then adds in order. */
export const headerSteps = (
  toAdd: readonly HeaderValueOption[] | undefined,
  toRemove: readonly string[] | undefined,
  addPath: string,
  removePath: string,
): HeaderStep[] => [
  ...(toRemove ?? []).map((name, i): HeaderStep => ({ kind: 'remove', name: headerName(name, at(removePath, i)) })),
  ...(toAdd ?? []).flatMap((option, i) => headerOption(option, at(addPath, i))),
];

/** The mutations of a header_mutation filter, in order. */
export const mutationSteps = (mutations: readonly HeaderMutation[] | undefined, path: string): HeaderStep[] =>
  (mutations ?? []).flatMap((mutation, i) => {
    const here = at(path, i);
    onlyKnown(mutation, here, ['remove', 'append']);
    if (mutation.append) return headerOption(mutation.append, at(here, 'append'));
    return [{ kind: 'remove', name: headerName(required(mutation.remove, at(here, 'remove')), at(here, 'remove')) }];
  });

const actions = {
  APPEND_IF_EXISTS_OR_ADD: 'add',
  ADD_IF_ABSENT: 'addIfAbsent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'set',
  OVERWRITE_IF_EXISTS: 'overwrite',
} as const;

const headerOption = (option: HeaderValueOption, path: string): HeaderStep[] => {
  onlyKnown(option, path, ['header', 'append', 'appendAction', 'keepEmptyValue']);
  const header = required(option.header, at(path, 'header'));
  onlyKnown(header, at(path, 'header'), ['key', 'value']);
  const name = headerName(required(header.key, at(path, 'header.key')), at(path, 'header.key'));
  const format = formatOf(header.value ?? '', at(path, 'header.value'));
  const value = (header.value ?? '').replaceAll('%%', '%');
  const keepEmpty = option.keepEmptyValue === true;
  // An empty value is dropped unless it is asked for.
  if (value === '' && !keepEmpty) return [];
  const kind = option.append === false ? 'set' : actions[option.appendAction ?? 'APPEND_IF_EXISTS_OR_ADD'];
  return [{ kind, name, value, format, keepEmpty }];
};

const headerName = (name: string, path: string): string => {
  const lower = name.toLowerCase();
  if (lower.startsWith(':') || lower === 'host') fail(path, `"${name}" must not be changed this way`);
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower)) fail(path, `"${name}" is not a header name`);
  return lower;
};

/** What the process is called is not known here. */
const OF_THE_PROCESS = /%(HOSTNAME|ENVIRONMENT\()/;

/** Null: the value has no operators; `%%` is a percent sign. */
const formatOf = (value: string, path: string): AccessLogFormat | null => {
  if (/[\r\n\0]/.test(value)) fail(path, 'a header value must be one line');
  if (OF_THE_PROCESS.test(value)) fail(path, `the command in "${value}" is not supported`);
  try {
    return compileHeaderFormat(value);
  } catch {
    return fail(path, `the command in "${value}" is not supported`);
  }
};

interface HeaderState {
  /** What the message brought is dropped. */
  removed: boolean;
  overwrite: string | null;
  addIfAbsent: string | null;
  values: string[];
}

/** Folds steps into operations with the same effect on every head; the shared `noHeaderOperations` if there are none. */
export const foldHeaderSteps = (steps: readonly HeaderStep[]): HeaderOperations => {
  if (steps.length === 0) return noHeaderOperations;
  if (steps.some((step) => step.kind !== 'remove' && step.format !== null)) return { ...noHeaderOperations, steps };
  const states = new Map<string, HeaderState>();
  for (const step of steps) {
    let state = states.get(step.name);
    if (!state) {
      state = { removed: false, overwrite: null, addIfAbsent: null, values: [] };
      states.set(step.name, state);
    }
    foldStep(state, step);
  }
  return operationsOf(states);
};

const replaceWith = (state: HeaderState, values: string[]): void => {
  state.removed = true;
  state.overwrite = null;
  state.addIfAbsent = null;
  state.values = values;
};

const foldStep = (state: HeaderState, step: HeaderStep): void => {
  const surelyThere = state.values.length > 0 || state.addIfAbsent !== null;
  switch (step.kind) {
    case 'remove':
      return replaceWith(state, []);
    case 'set':
      return replaceWith(state, [step.value]);
    case 'add':
      state.values.push(step.value);
      return;
    case 'overwrite':
      if (surelyThere) replaceWith(state, [step.value]);
      else if (!state.removed) state.overwrite = step.value;
      return;
    case 'addIfAbsent':
      if (surelyThere) return;
      if (state.removed) state.values.push(step.value);
      else state.addIfAbsent = step.value;
  }
};

const operationsOf = (states: ReadonlyMap<string, HeaderState>): HeaderOperations => {
  const remove: string[] = [];
  const set: string[] = [];
  const overwrite: string[] = [];
  const addIfAbsent: string[] = [];
  const add: string[] = [];
  for (const [name, state] of states) {
    const [first, ...rest] = state.values;
    if (state.overwrite !== null) overwrite.push(name, state.overwrite);
    if (state.addIfAbsent !== null) addIfAbsent.push(name, state.addIfAbsent);
    if (state.removed && first === undefined) remove.push(name);
    if (state.removed && first !== undefined) set.push(name, first);
    for (const value of state.removed ? rest : state.values) add.push(name, value);
  }
  return { remove, set, ...(overwrite.length && { overwrite }), ...(addIfAbsent.length && { addIfAbsent }), add };
};
