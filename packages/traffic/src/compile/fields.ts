import type { Any } from '@weft/xds-api/well-known';
import { fail } from './failure.ts';

/** `path.key`, or `key` at the top of a resource. */
export const at = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path ? `${path}.${key}` : key;
};

/**
 * Refuses a message that says something not understood: each field that is set must be among `used` or `ignored`
 * (tuning that changes neither where traffic goes nor who may pass). Fields at their default are as good as absent.
 */
export const onlyKnown = <T extends object>(
  message: T,
  path: string,
  used: readonly (keyof T & string)[],
  ignored: readonly (keyof T & string)[] = [],
): void => {
  for (const key in message) {
    if ((used as readonly string[]).includes(key) || (ignored as readonly string[]).includes(key)) continue;
    if (!isDefault(message[key])) fail(at(path, key), 'is not supported');
  }
};

const isDefault = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === 0 ||
  value === '' ||
  (Array.isArray(value) && value.length === 0);

/** Milliseconds of a proto3 JSON duration (`1.5s`); `absent` where there is none. */
export const durationMs = (text: string | undefined, absent: number, path: string): number => {
  if (text === undefined || text === null) return absent;
  const match = /^(\d+(?:\.\d{1,9})?)s$/.exec(text);
  return match ? Number(match[1]) * 1000 : fail(path, `"${text}" is not a duration`);
};

/** An integer that may have come as a string, as 64-bit ones do. */
export const integer = (value: number | string | undefined, absent: number, path: string): number => {
  if (value === undefined || value === null) return absent;
  const number = Number(value);
  return Number.isInteger(number) ? number : fail(path, `${value} is not an integer`);
};

export const required = <T>(value: T | undefined | null, path: string): T =>
  value === undefined || value === null || value === '' ? fail(path, 'is required') : value;

/** The last part of an Any's type, as in `envoy.extensions.filters.http.router.v3.Router`. */
export const typeOf = (any: Any): string => {
  const url = any['@type'] ?? '';
  return url.slice(url.lastIndexOf('/') + 1);
};

/** The message of an Any, of which the caller has checked the type. */
export const unpack = <T extends object>({ '@type': _type, ...message }: Any | (Any & T)): T => message as T;

export const oneOf = <T extends string>(
  value: string | undefined,
  absent: T,
  allowed: readonly T[],
  path: string,
): T => {
  if (value === undefined) return absent;
  return (allowed as readonly string[]).includes(value) ? (value as T) : fail(path, `${value} is not supported`);
};
