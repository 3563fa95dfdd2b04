import type { Decoder } from './decode.ts';
import { fail, floatToJson, type JsonObject, setOwn } from './json-scalars.ts';
import { findMessageTable, MAX_DEPTH, type Scalar, typeNameOf, WIRE, wireTypeOf } from './table.ts';
import { formatDuration, formatTimestamp, type SecondsNanos } from './time.ts';
import { isWellKnown, WRAPPERS } from './well-known.ts';

/** Reads a message with a JSON form of its own, up to `decoder.reader.end`. */
type WellKnownDecoder = (decoder: Decoder, at: string, depth: number) => unknown;

/** Calls `read` for each field; it returns false, having read nothing, for one it does not know. */
const eachField = (decoder: Decoder, at: string, read: (number: number, wire: number) => boolean): void => {
  const reader = decoder.reader;
  while (!reader.done) {
    const tag = reader.tag();
    if (read(tag >>> 3, tag & 7)) continue;
    reader.skip(tag);
    decoder.unknown(at, tag);
  }
};

const decodeAny: WellKnownDecoder = (decoder, at, depth) => {
  const { reader } = decoder;
  let typeUrl = '';
  let value: Buffer = EMPTY;
  eachField(decoder, at, (number, wire) => {
    if (wire !== WIRE.bytes) return false;
    if (number === 1) typeUrl = reader.string();
    else if (number === 2) value = reader.bytes();
    else return false;
    return true;
  });
  if (typeUrl === '' && value.length === 0) return {};
  const typeName = typeNameOf(typeUrl);
  const json: JsonObject = { '@type': typeUrl };
  const table = findMessageTable(typeName);
  if (!table && !isWellKnown(typeName)) {
    json['value'] = value.toString('base64');
    return json;
  }
  if (depth + 1 > MAX_DEPTH) fail(at, `nested deeper than ${MAX_DEPTH} messages`);
  if (typeName === 'google.protobuf.Empty') return json;
  const { pos, end } = reader;
  reader.pos = value.byteOffset - reader.buffer.byteOffset;
  reader.end = reader.pos + value.length;
  if (table) decoder.fields(table, json, at, depth + 1);
  else json['value'] = decoder.message(typeName, undefined, at, depth + 1);
  reader.pos = pos;
  reader.end = end;
  return json;
};

const EMPTY: Buffer = Buffer.alloc(0);

const readSecondsNanos = (decoder: Decoder, at: string): SecondsNanos => {
  let seconds = 0n;
  let nanos = 0;
  eachField(decoder, at, (number, wire) => {
    if (wire !== WIRE.varint) return false;
    if (number === 1) seconds = BigInt.asIntN(64, decoder.reader.varint64());
    else if (number === 2) nanos = decoder.reader.varint32() | 0;
    else return false;
    return true;
  });
  return { seconds: Number(seconds), nanos };
};

const decodeStruct: WellKnownDecoder = (decoder, at, depth) => {
  const object: JsonObject = {};
  eachField(decoder, at, (number, wire) => {
    if (number !== 1 || wire !== WIRE.bytes) return false;
    decoder.delimited(() => {
      let key = '';
      let value: unknown = null;
      eachField(decoder, at, (part, partWire) => {
        if (partWire !== WIRE.bytes) return false;
        if (part === 1) key = decoder.reader.string();
        else if (part === 2)
          value = decoder.delimited(() => decoder.message('google.protobuf.Value', undefined, at, depth + 1));
        else return false;
        return true;
      });
      setOwn(object, key, value);
    });
    return true;
  });
  return object;
};

const decodeList: WellKnownDecoder = (decoder, at, depth) => {
  const list: unknown[] = [];
  eachField(decoder, at, (number, wire) => {
    if (number !== 1 || wire !== WIRE.bytes) return false;
    list.push(decoder.delimited(() => decoder.message('google.protobuf.Value', undefined, at, depth + 1)));
    return true;
  });
  return list;
};

/** A Value that says nothing is null. */
const decodeValue: WellKnownDecoder = (decoder, at, depth) => {
  const { reader } = decoder;
  let value: unknown = null;
  const nested = (typeName: string): unknown =>
    decoder.delimited(() => decoder.message(typeName, undefined, at, depth + 1));
  eachField(decoder, at, (number, wire) => {
    if (number === 1 && wire === WIRE.varint) {
      reader.varint32();
      value = null;
    } else if (number === 2 && wire === WIRE.fixed64) value = floatToJson(reader.double());
    else if (number === 3 && wire === WIRE.bytes) value = reader.string();
    else if (number === 4 && wire === WIRE.varint) value = reader.bool();
    else if (number === 5 && wire === WIRE.bytes) value = nested('google.protobuf.Struct');
    else if (number === 6 && wire === WIRE.bytes) value = nested('google.protobuf.ListValue');
    else return false;
    return true;
  });
  return value;
};

const wrapper =
  (scalar: Scalar): WellKnownDecoder =>
  (decoder, at) => {
    const expected = wireTypeOf({ kind: 'scalar', scalar });
    let value: unknown = zeroOf(scalar);
    eachField(decoder, at, (number, wire) => {
      if (number !== 1 || wire !== expected) return false;
      value = decoder.scalar(scalar);
      return true;
    });
    return value;
  };

const zeroOf = (scalar: Scalar): unknown => {
  if (scalar === 'bool') return false;
  if (scalar === 'string' || scalar === 'bytes') return '';
  return scalar.endsWith('64') ? '0' : 0;
};

const decodeFieldMask: WellKnownDecoder = (decoder, at) => {
  const paths: string[] = [];
  eachField(decoder, at, (number, wire) => {
    if (number !== 1 || wire !== WIRE.bytes) return false;
    paths.push(decoder.reader.string().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    return true;
  });
  return paths.join(',');
};

export const wellKnownDecoders: ReadonlyMap<string, WellKnownDecoder> = new Map<string, WellKnownDecoder>([
  ['google.protobuf.Any', decodeAny],
  ['google.protobuf.Duration', (decoder, at) => formatDuration(readSecondsNanos(decoder, at), at)],
  ['google.protobuf.Timestamp', (decoder, at) => formatTimestamp(readSecondsNanos(decoder, at), at)],
  ['google.protobuf.Struct', decodeStruct],
  ['google.protobuf.ListValue', decodeList],
  ['google.protobuf.Value', decodeValue],
  [
    'google.protobuf.Empty',
    (decoder, at) => {
      eachField(decoder, at, () => false);
      return {};
    },
  ],
  ['google.protobuf.FieldMask', decodeFieldMask],
  ...[...WRAPPERS].map(([name, scalar]) => [name, wrapper(scalar)] as const),
]);
