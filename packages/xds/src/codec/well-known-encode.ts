import type { Encoder } from './encode.ts';
import { asObject, asString, describe, fail, parseBase64 } from './json-scalars.ts';
import { type FieldType, findMessageTable, type Scalar, TYPE_URL_PREFIX, typeNameOf } from './table.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import { isWellKnown, WRAPPERS } from './well-known.ts';

/**
 * The messages whose JSON is not an object of their fields: https://protobuf.dev/programming-guides/json/.
 * Each writes its fields last first, as `Encoder` does.
 */
type WellKnownEncoder = (encoder: Encoder, json: unknown, at: string, depth: number) => void;

const STRING: FieldType = { kind: 'scalar', scalar: 'string' };
const VALUE: FieldType = { kind: 'message', typeName: 'google.protobuf.Value' };
const scalarType = (scalar: Scalar): FieldType => ({ kind: 'scalar', scalar });

const encodeAny: WellKnownEncoder = (encoder, json, at, depth) => {
  const object = asObject(json, at);
  const typeUrl = object['@type'];
  if (typeUrl === undefined && Object.keys(object).length === 0) return;
  if (typeof typeUrl !== 'string' || !typeUrl.includes('/'))
    return fail(at, `"@type" must be a type URL such as "${TYPE_URL_PREFIX}a.b.C", not ${describe(typeUrl)}`);
  const typeName = typeNameOf(typeUrl);
  const mark = encoder.out.length;
  if (typeName === EMPTY) encodeEmpty(encoder, object['value'] ?? object, at, depth + 1);
  else if (isWellKnown(typeName)) encoder.message(typeName, object['value'], `${at}.value`, depth + 1);
  else if (findMessageTable(typeName)) {
    if (depth >= MAX_ANY_DEPTH) fail(at, 'nested too deeply');
    encoder.fields(typeName, object, at, depth + 1, true);
  } else encodeOpaque(encoder, object, typeName, at);
  if (encoder.out.length > mark) encoder.prefix(2, mark);
  encoder.tagged(1, STRING, typeUrl, at, depth);
};

const MAX_ANY_DEPTH = 99;
/** In an Any, printed like a message without fields; protobuf libraries differ, and `"value": {}` is accepted too. */
const EMPTY = 'google.protobuf.Empty';

/** A message weft has no table of: its bytes, as `decodeMessage` gives them. */
const encodeOpaque = (encoder: Encoder, object: Record<string, unknown>, typeName: string, at: string): void => {
  const known = Object.keys(object).every((key) => key === '@type' || key === 'value');
  if (!known || typeof object['value'] !== 'string')
    fail(at, `unknown message ${typeName}; its bytes may be given as base64 in "value"`);
  encoder.out.bytes(parseBase64(object['value'], `${at}.value`));
};

const encodeSecondsNanos = (encoder: Encoder, seconds: number, nanos: number, at: string, depth: number): void => {
  if (nanos !== 0) encoder.tagged(2, scalarType('int32'), nanos, at, depth);
  if (seconds !== 0) encoder.tagged(1, scalarType('int64'), seconds, at, depth);
};

const encodeStruct: WellKnownEncoder = (encoder, json, at, depth) => {
  const object = asObject(json, at);
  const names = Object.keys(object)
    .filter((name) => object[name] !== undefined)
    .sort();
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i] as string;
    const mark = encoder.out.length;
    encoder.tagged(2, VALUE, object[name], `${at}.${name}`, depth);
    encoder.tagged(1, STRING, name, at, depth);
    encoder.prefix(1, mark);
  }
};

const encodeList: WellKnownEncoder = (encoder, json, at, depth) => {
  if (!Array.isArray(json)) return fail(at, `must be an array, not ${describe(json)}`);
  for (let i = json.length - 1; i >= 0; i--) encoder.tagged(1, VALUE, json[i], `${at}[${i}]`, depth);
};

const encodeValue: WellKnownEncoder = (encoder, json, at, depth) => {
  if (json === null) return encoder.tagged(1, scalarType('int32'), 0, at, depth);
  if (typeof json === 'number') {
    if (!Number.isFinite(json)) fail(at, `${json} is not a JSON number`);
    return encoder.tagged(2, scalarType('double'), json, at, depth);
  }
  if (typeof json === 'string') return encoder.tagged(3, STRING, json, at, depth);
  if (typeof json === 'boolean') return encoder.tagged(4, scalarType('bool'), json, at, depth);
  if (typeof json !== 'object') return fail(at, `${describe(json)} is not JSON`);
  const list = Array.isArray(json);
  const typeName = list ? 'google.protobuf.ListValue' : 'google.protobuf.Struct';
  return encoder.tagged(list ? 6 : 5, { kind: 'message', typeName }, json, at, depth);
};

const wrapper =
  (scalar: Scalar): WellKnownEncoder =>
  (encoder, json, at, depth) => {
    const mark = encoder.out.length;
    encoder.scalar(scalar, json, at);
    const isDefault = encoder.out.isZeroSince(mark);
    encoder.out.rewind(mark);
    if (!isDefault) encoder.tagged(1, scalarType(scalar), json, at, depth);
  };

const encodeEmpty: WellKnownEncoder = (_encoder, json, at) => {
  for (const key of Object.keys(asObject(json, at)))
    if (key !== '@type') fail(at, `google.protobuf.Empty has no field ${JSON.stringify(key)}`);
};

const encodeFieldMask: WellKnownEncoder = (encoder, json, at, depth) => {
  const text = asString(json, at);
  if (/[_\s]/.test(text)) fail(at, `${describe(text)} is not a field mask in lowerCamelCase`);
  const paths = text === '' ? [] : text.split(',');
  for (let i = paths.length - 1; i >= 0; i--) {
    const path = (paths[i] as string).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    encoder.tagged(1, STRING, path, at, depth);
  }
};

export const wellKnownEncoders: ReadonlyMap<string, WellKnownEncoder> = new Map<string, WellKnownEncoder>([
  ['google.protobuf.Any', encodeAny],
  [
    'google.protobuf.Duration',
    (encoder, json, at, depth) => {
      const { seconds, nanos } = parseDuration(json, at);
      encodeSecondsNanos(encoder, seconds, nanos, at, depth);
    },
  ],
  [
    'google.protobuf.Timestamp',
    (encoder, json, at, depth) => {
      const { seconds, nanos } = parseTimestamp(json, at);
      encodeSecondsNanos(encoder, seconds, nanos, at, depth);
    },
  ],
  ['google.protobuf.Struct', encodeStruct],
  ['google.protobuf.ListValue', encodeList],
  ['google.protobuf.Value', encodeValue],
  ['google.protobuf.Empty', encodeEmpty],
  ['google.protobuf.FieldMask', encodeFieldMask],
  ...[...WRAPPERS].map(([name, scalar]) => [name, wrapper(scalar)] as const),
]);
