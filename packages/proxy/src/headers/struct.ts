/**
 * `google.protobuf.Struct` in protobuf's wire format, as peers tell each other who they are in it.
 * https://protobuf.dev/programming-guides/encoding/, google/protobuf/struct.proto
 */
export type Struct = { readonly [key: string]: StructValue };
export type StructValue = string | number | boolean | null | Struct | readonly StructValue[];

/** Deeper nesting than this is refused. */
const MAX_DEPTH = 8;

export const isStruct = (v: StructValue | undefined): v is Struct =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

// Wire types: 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32.

class Cursor {
  readonly bytes: Buffer;
  pos = 0;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  get done(): boolean {
    return this.pos >= this.bytes.length;
  }
  varint(): number {
    let result = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.bytes.readUInt8(this.pos++);
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    throw new RangeError('varint');
  }
  block(): Buffer {
    const length = this.varint();
    if (this.pos + length > this.bytes.length) throw new RangeError('length');
    const block = this.bytes.subarray(this.pos, this.pos + length);
    this.pos += length;
    return block;
  }
}

/** Throws a RangeError for anything else. `depth`: of nesting, already. */
export const decodeStruct = (bytes: Buffer, depth = 0): Struct => {
  if (depth > MAX_DEPTH) throw new RangeError('depth');
  const entries: [string, StructValue][] = [];
  const cursor = new Cursor(bytes);
  while (!cursor.done) {
    if (cursor.varint() !== 0x0a) throw new RangeError('field');
    const entry = new Cursor(cursor.block());
    let key = '';
    let value: StructValue = null;
    while (!entry.done) {
      const tag = entry.varint();
      if (tag === 0x0a) key = entry.block().toString('utf8');
      else if (tag === 0x12) value = decodeValue(entry.block(), depth + 1);
      else throw new RangeError('field');
    }
    entries.push([key, value]);
  }
  return Object.fromEntries(entries);
};

const decodeValue = (bytes: Buffer, depth: number): StructValue => {
  if (depth > MAX_DEPTH) throw new RangeError('depth');
  const cursor = new Cursor(bytes);
  let value: StructValue = null;
  while (!cursor.done) {
    const tag = cursor.varint();
    if (tag === 0x08) {
      cursor.varint();
      value = null;
    } else if (tag === 0x11) {
      value = bytes.readDoubleLE(cursor.pos);
      cursor.pos += 8;
    } else if (tag === 0x1a) value = cursor.block().toString('utf8');
    else if (tag === 0x20) value = cursor.varint() !== 0;
    else if (tag === 0x2a) value = decodeStruct(cursor.block(), depth + 1);
    else if (tag === 0x32) {
      const list = new Cursor(cursor.block());
      const items: StructValue[] = [];
      while (!list.done) {
        if (list.varint() !== 0x0a) throw new RangeError('field');
        items.push(decodeValue(list.block(), depth + 1));
      }
      value = items;
    } else throw new RangeError('field');
  }
  return value;
};

const varint = (n: number): Buffer => {
  const bytes: number[] = [];
  for (; n >= 0x80; n = Math.floor(n / 128)) bytes.push((n & 0x7f) | 0x80);
  bytes.push(n);
  return Buffer.from(bytes);
};

/** A length-delimited field. */
export const block = (tag: number, content: Buffer): Buffer =>
  Buffer.concat([varint(tag), varint(content.length), content]);

/** Keys in order, so that equal metadata are equal bytes. */
export const encodeStruct = (struct: Struct): Buffer =>
  Buffer.concat(
    Object.keys(struct)
      .sort()
      .map((key) =>
        block(
          0x0a,
          Buffer.concat([block(0x0a, Buffer.from(key)), block(0x12, encodeValue(struct[key] as StructValue))]),
        ),
      ),
  );

const encodeValue = (value: StructValue): Buffer => {
  if (value === null) return Buffer.from([0x08, 0]);
  if (typeof value === 'string') return block(0x1a, Buffer.from(value));
  if (typeof value === 'boolean') return Buffer.from([0x20, value ? 1 : 0]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9, 0x11);
    bytes.writeDoubleLE(value, 1);
    return bytes;
  }
  if (isStruct(value)) return block(0x2a, encodeStruct(value));
  return block(0x32, Buffer.concat(value.map((item) => block(0x0a, encodeValue(item)))));
};
