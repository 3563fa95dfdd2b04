import { WeftError } from '@weft/base/errors';

/** Scalars of proto3 JSON, checked. `at` is the JSON path for the message. */

export const fail = (at: string, problem: string): never => {
  throw new WeftError('malformedXds', `${at}: ${problem}`);
};

export const describe = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' || typeof value === 'function') return 'an object';
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return `${value as number | boolean | bigint | undefined}`;
};

export const asObject = (value: unknown, at: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(at, `must be an object, not ${describe(value)}`);
  return value as Record<string, unknown>;
};

/** A well-formed string: a lone surrogate has no UTF-8. */
export const asString = (value: unknown, at: string): string => {
  if (typeof value !== 'string') return fail(at, `must be a string, not ${describe(value)}`);
  if (!value.isWellFormed()) return fail(at, 'is not valid Unicode');
  return value;
};

export const isUint32 = (value: unknown): value is number => typeof value === 'number' && value >>> 0 === value;

/** An integer of 32 bits, as a number or in decimal. */
export const parseInt32 = (value: unknown, signed: boolean, at: string): number => {
  const n = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  const [low, high] = signed ? [-0x80000000, 0x7fffffff] : [0, 0xffffffff];
  if (typeof n !== 'number' || !Number.isInteger(n) || n < low || n > high)
    return fail(at, `${describe(value)} is not an integer from ${low} to ${high}`);
  return n;
};

/** An integer of 64 bits: decimal text, or a number that is exact. */
export const parseInt64 = (value: unknown, signed: boolean, at: string): bigint => {
  if (Number.isSafeInteger(value) || (typeof value === 'string' && DECIMAL.test(value))) {
    const n = BigInt(value as string | number);
    if (n === (signed ? BigInt.asIntN(64, n) : BigInt.asUintN(64, n))) return n;
  }
  return fail(at, `${describe(value)} is not an integer of 64 bits${signed ? '' : ', unsigned'}`);
};

const DECIMAL = /^-?\d{1,20}$/;
const MAX_FLOAT = 3.4028234663852886e38;

export const parseFloatValue = (value: unknown, single: boolean, at: string): number => {
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  const n = typeof value === 'string' && NUMERIC.test(value) ? Number(value) : value;
  if (typeof n !== 'number' || !Number.isFinite(n)) return fail(at, `must be a number, not ${describe(value)}`);
  if (single && Math.abs(n) > MAX_FLOAT) return fail(at, `${n} does not fit a float of 32 bits`);
  return n;
};

const NUMERIC = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

/** Standard or URL-safe alphabet, with or without padding. */
export const parseBase64 = (value: unknown, at: string): Uint8Array => {
  if (typeof value !== 'string' || !BASE64.test(value)) return fail(at, `must be base64, not ${describe(value)}`);
  return Buffer.from(value, 'base64');
};

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** A number as proto3 JSON writes it: those that JSON lacks are strings. */
export const floatToJson = (n: number): number | string => (Number.isFinite(n) ? n : String(n));

export type JsonObject = Record<string, unknown>;

/** Sets a key that came from outside: `__proto__` becomes a key like any other. */
export const setOwn = (object: JsonObject, key: string, value: unknown): void => {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
};
