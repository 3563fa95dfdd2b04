import { WIRE } from './table.ts';

/** A length-delimited field by itself: tag, length, bytes. */
export const frameField = (number: number, bytes: Uint8Array): Buffer => {
  const head: number[] = [];
  pushVarint(head, (number << 3) | WIRE.bytes);
  pushVarint(head, bytes.length);
  const field = Buffer.allocUnsafeSlow(head.length + bytes.length);
  field.set(head, 0);
  field.set(bytes, head.length);
  return field;
};

export const frameString = (number: number, text: string): Buffer => frameField(number, Buffer.from(text));

const pushVarint = (into: number[], value: number): void => {
  let rest = value;
  while (rest > 0x7f) {
    into.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  into.push(rest);
};
