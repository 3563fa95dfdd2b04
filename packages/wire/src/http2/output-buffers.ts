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
  const size = sizeOf(bytes);
  const buffer = kept[size - SMALLEST]?.pop();
  if (buffer === undefined) return Buffer.allocUnsafeSlow(Math.max(bytes, 1 << size));
  keptBytes -= buffer.length;
  return buffer;
};

/** Nobody uses it any more. Those of other sizes are left to be collected. */
export const giveBack = (buffer: Buffer): void => {
  const size = sizeOf(buffer.length);
  if (buffer.length !== 1 << size || keptBytes + buffer.length > MAX_KEPT_BYTES) return;
  keptBytes += buffer.length;
  kept[size - SMALLEST]?.push(buffer);
};

/** The exponent of the least size with room for so much, or of the largest. */
const sizeOf = (bytes: number): number => {
  const exponent = bytes <= 1 << SMALLEST ? SMALLEST : 32 - Math.clz32(bytes - 1);
  return Math.min(exponent, LARGEST);
};
