/**
 * One string object for equal short texts. xDS repeats itself: of the strings in 1,000 clusters × 10 endpoints nine in
 * ten were read before (`istio`, zones, `tlsMode`), and each would be an object of its own for as long as it is held.
 *
 * A direct-mapped cache, so its size is fixed and a hit costs a hash and a comparison, less than decoding UTF-8 does:
 *
 *     bytes → FNV-1a → slot → same length and same bytes? the string : decode, and replace the slot's
 *
 * Only ASCII is kept, where bytes and UTF-16 units are the same.
 */
const SLOTS = 2048;
const MAX_LENGTH = 64;
const slots: string[] = new Array<string>(SLOTS).fill('');

/** The text of `buffer` from `start` to `end`, or undefined if it is too long or not ASCII. */
export const internAscii = (buffer: Buffer, start: number, end: number): string | undefined => {
  if (end - start > MAX_LENGTH) return undefined;
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) {
    const byte = buffer[i] as number;
    if (byte > 0x7f) return undefined;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
  const known = slots[slot] as string;
  if (equals(known, buffer, start, end)) return known;
  const text = buffer.toString('latin1', start, end);
  slots[slot] = text;
  return text;
};

const equals = (text: string, buffer: Buffer, start: number, end: number): boolean => {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== buffer[start + i]) return false;
  return true;
};
