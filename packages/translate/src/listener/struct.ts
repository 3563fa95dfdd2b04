/** What peer metadata is made of: text, and maps of it. */
export type TextStruct = { readonly [key: string]: string | TextStruct };

const encoder = new TextEncoder();

/**
 * `google.protobuf.Struct` in protobuf's wire format, fields sorted by name, so that equal maps are equal bytes.
 * https://protobuf.dev/programming-guides/encoding/
 */
export const encodeStruct = (struct: TextStruct): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(
    Object.entries(struct)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, value]) => field(1, [...text(1, key), ...field(2, valueOf(value))])),
  );

/** `google.protobuf.Value`: string_value is field 3, struct_value field 5. */
const valueOf = (value: string | TextStruct): number[] =>
  typeof value === 'string' ? text(3, value) : field(5, [...encodeStruct(value)]);

const text = (number: number, value: string): number[] => field(number, [...encoder.encode(value)]);

const field = (number: number, bytes: readonly number[]): number[] => [
  (number << 3) | 2,
  ...varint(bytes.length),
  ...bytes,
];

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
