import type { CidrRange } from '@weft/xds-api/gen/envoy/config/core/v3';
import type { StringMatcher } from '@weft/xds-api/gen/envoy/type/matcher/v3';

/**
 * A value as Istio's policies write it: `abc` exactly, `abc*` at the start, `*abc` at the end, `*` anything but nothing.
 * https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export const valueMatcher = (value: string): StringMatcher => {
  if (value === '*') return { safeRegex: { regex: '.+' } };
  if (value.endsWith('*')) return { prefix: value.slice(0, -1) };
  if (value.startsWith('*')) return { suffix: value.slice(1) };
  return { exact: value };
};

/** Text in a regular expression (RE2), for itself. */
export const quote = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');

/** Text in which `*` stands for any characters, here those that `wild` allows. */
export const quoteGlob = (text: string, wild: string): string => text.split('*').map(quote).join(wild);

/** `10.0.0.0/8`, or an address, which is a block of one. */
export const cidrRange = (block: string): CidrRange => {
  const [addressPrefix = '', bits] = block.split('/');
  return { addressPrefix, prefixLen: bits === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(bits) };
};
