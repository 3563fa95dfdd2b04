import { WireReader } from './reader.ts';
import { WIRE } from './table.ts';

/** A message's bytes without one of its repeated message fields, and each value of that field, as views. */
export interface SplitMessage {
  readonly rest: Uint8Array;
  readonly values: readonly Uint8Array[];
}

/**
 * Takes the values of a repeated message field out of a message without decoding either, so that each can be compared
 * and decoded by itself. Malformed bytes throw `WeftError` malformedXds.
 */
export const splitField = (bytes: Uint8Array, number: number): SplitMessage => {
  const reader = new WireReader(bytes);
  const values: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let from = 0;
  while (!reader.done) {
    const start = reader.pos;
    const tag = reader.tag();
    if (tag >>> 3 !== number || (tag & 7) !== WIRE.bytes) {
      reader.skip(tag);
      continue;
    }
    if (start > from) rest.push(bytes.subarray(from, start));
    values.push(reader.bytes());
    from = reader.pos;
  }
  if (from < bytes.length) rest.push(bytes.subarray(from));
  return { rest: Buffer.concat(rest), values };
};
