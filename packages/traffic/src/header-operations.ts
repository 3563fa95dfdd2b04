import type { AccessRecord } from '@weft/telemetry/access-record';
import type { HeaderOperations, HeaderStep } from './runtime-config.ts';

const none: readonly string[] = [];

/** Changes nothing; compared by identity to skip the work. */
export const noHeaderOperations: HeaderOperations = { remove: none, set: none, add: none };

/** What values with operators in them (`%REQ(X)%`) are made of; asked only where there are such. */
export interface HeaderSubject {
  accessRecord(): AccessRecord;
}

/** Applies the operations to a flat name, value list in place. Names of the list are lower case, as those of `ops`. */
export const applyHeaderOperations = (ops: HeaderOperations, headers: string[], subject: HeaderSubject): void => {
  if (ops === noHeaderOperations) return;
  if (ops.steps !== undefined) {
    applySteps(ops.steps, headers, subject);
    return;
  }
  for (const name of ops.remove) removeHeader(headers, name);
  setAll(headers, ops.set);
  if (ops.overwrite) {
    for (let i = 0; i < ops.overwrite.length; i += 2) {
      if (has(headers, ops.overwrite[i] as string))
        setHeader(headers, ops.overwrite[i] as string, ops.overwrite[i + 1] as string);
    }
  }
  if (ops.addIfAbsent) {
    for (let i = 0; i < ops.addIfAbsent.length; i += 2) {
      if (!has(headers, ops.addIfAbsent[i] as string))
        headers.push(ops.addIfAbsent[i] as string, ops.addIfAbsent[i + 1] as string);
    }
  }
  for (let i = 0; i < ops.add.length; i += 2) headers.push(ops.add[i] as string, ops.add[i + 1] as string);
};

const applySteps = (steps: readonly HeaderStep[], headers: string[], subject: HeaderSubject): void => {
  const record = subject.accessRecord();
  for (const step of steps) {
    if (step.kind === 'remove') {
      removeHeader(headers, step.name);
      continue;
    }
    const value = step.format === null ? step.value : step.format(record);
    if (value === '' && !step.keepEmpty) continue;
    const there = has(headers, step.name);
    if (step.kind === 'set' || (step.kind === 'overwrite' && there)) setHeader(headers, step.name, value);
    else if (step.kind === 'add' || (step.kind === 'addIfAbsent' && !there)) headers.push(step.name, value);
  }
};

const has = (headers: readonly string[], name: string): boolean => {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true;
  return false;
};

const setAll = (headers: string[], pairs: readonly string[]): void => {
  for (let i = 0; i < pairs.length; i += 2) setHeader(headers, pairs[i] as string, pairs[i + 1] as string);
};

const setHeader = (headers: string[], name: string, value: string): void => {
  removeHeader(headers, name);
  headers.push(name, value);
};

/** Removes all of a name, keeping the order of the rest. */
const removeHeader = (headers: string[], name: string): void => {
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) continue;
    if (kept !== i) {
      headers[kept] = headers[i] as string;
      headers[kept + 1] = headers[i + 1] as string;
    }
    kept += 2;
  }
  headers.length = kept;
};
