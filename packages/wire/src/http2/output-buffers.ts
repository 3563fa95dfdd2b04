/** Sizes are powers of two, from 2^12 to 2^17 octets. */
const SMALLEST = 12;
const LARGEST = 17;

/** What is kept of buffers that nobody uses. */
const MAX_KEPT_BYTES = 1024 * 1024;

const kept: Buffer[][] = Array.from({ length: LARGEST - SMALLEST + 1 }, () => []);
let keptBytes = 0;

/**
 * Buffers that frames are gathered in, of all sessions of the process, used again when their bytes are written. A new one for each write
 * would cost nothing to the heap but memory outside of it, for which V8 marks the whole heap again and again: more than a third of the
 * CPU of a proxy of gRPC streams, and 40 MB.
 */
export const takeBuffer = (bytes: number): Buffer => {
  const list = kept[exponentOf(bytes) - SMALLEST];
  // Larger than any that is kept.
  if (list === undefined) return Buffer.allocUnsafeSlow(bytes);
  const buffer = list.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(1 << exponentOf(bytes));
  keptBytes -= buffer.length;
  return buffer;
};

/** Nobody uses it any more. Those of other sizes are left to be collected. */
export const giveBack = (buffer: Buffer): void => {
  const exponent = exponentOf(buffer.length);
  if (buffer.length !== 1 << exponent || keptBytes + buffer.length > MAX_KEPT_BYTES) return;
  const list = kept[exponent - SMALLEST];
  if (list === undefined) return;
  keptBytes += buffer.length;
  list.push(buffer);
};

/** Of the least size with room for so much. */
const exponentOf = (bytes: number): number => (bytes <= 1 << SMALLEST ? SMALLEST : 32 - Math.clz32(bytes - 1));
