import type { Scalar } from './table.ts';

/** Wrappers: one field, number 1, whose JSON is the bare value. */
export const WRAPPERS: ReadonlyMap<string, Scalar> = new Map([
  ['google.protobuf.BoolValue', 'bool'],
  ['google.protobuf.StringValue', 'string'],
  ['google.protobuf.BytesValue', 'bytes'],
  ['google.protobuf.DoubleValue', 'double'],
  ['google.protobuf.FloatValue', 'float'],
  ['google.protobuf.Int32Value', 'int32'],
  ['google.protobuf.UInt32Value', 'uint32'],
  ['google.protobuf.Int64Value', 'int64'],
  ['google.protobuf.UInt64Value', 'uint64'],
]);

const OTHERS: ReadonlySet<string> = new Set(
  ['Any', 'Duration', 'Timestamp', 'Struct', 'Value', 'ListValue', 'Empty', 'FieldMask'].map(
    (name) => `google.protobuf.${name}`,
  ),
);

/** Messages with a JSON form of their own; in an Any, that form stands under `value`. */
export const isWellKnown = (typeName: string): boolean => WRAPPERS.has(typeName) || OTHERS.has(typeName);
