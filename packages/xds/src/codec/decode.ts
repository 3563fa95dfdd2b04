import { WeftError } from '@weft/base/errors';
import { fail, floatToJson, type JsonObject, setOwn } from './json-scalars.ts';
import { WireReader } from './reader.ts';
import {
  enumTable,
  type Field,
  findMessageTable,
  MAX_DEPTH,
  type MessageTable,
  type Scalar,
  WIRE,
  wireTypeOf,
} from './table.ts';
import { wellKnownDecoders } from './well-known-decode.ts';

export interface DecodeOptions {
  /** Called for each field that weft has no table entry of; it is skipped. `path` is that of the message. */
  readonly onUnknown?: (path: string, number: number) => void;
}

/**
 * The proto3 JSON form of a message: a plain object with lowerCamelCase names, `@type` inline in Any, 64-bit integers
 * and bytes (base64) as strings, durations as `1.500s`, enums by name (a number where the name is unknown). Fields at
 * their implicit default are absent. An Any of unknown type is `{ '@type', value: base64 }`.
 *
 * Malformed bytes throw `WeftError` malformedXds and nothing else. `T` is the caller's claim, checked no further.
 * Where one message field occurs twice, the second is merged into the first; where that field is a well-known type, it
 * replaces the first. https://protobuf.dev/programming-guides/encoding/
 */
export const decodeMessage = <T>(typeName: string, bytes: Uint8Array, options: DecodeOptions = {}): T =>
  new Decoder(new WireReader(bytes), options).message(typeName, undefined, typeName, 0) as T;

export class Decoder {
  readonly reader: WireReader;
  readonly options: DecodeOptions;

  constructor(reader: WireReader, options: DecodeOptions) {
    this.reader = reader;
    this.options = options;
  }

  /** Reads up to `reader.end`. `previous`: an earlier occurrence of the same field, to merge into. */
  message(typeName: string, previous: unknown, at: string, depth: number): unknown {
    if (depth > MAX_DEPTH) fail(at, `nested deeper than ${MAX_DEPTH} messages`);
    const wellKnown = wellKnownDecoders.get(typeName);
    if (wellKnown) return wellKnown(this, at, depth);
    const table = findMessageTable(typeName);
    if (!table) throw new WeftError('malformedXds', `${at}: unknown message ${typeName}`);
    const into = (previous ?? {}) as JsonObject;
    this.fields(table, into, at, depth);
    return into;
  }

  fields(table: MessageTable, into: JsonObject, at: string, depth: number): void {
    const reader = this.reader;
    while (!reader.done) {
      const tag = reader.tag();
      const field = table.byNumber.get(tag >>> 3);
      if (!field || !this.#field(table, field, tag & 7, into, at, depth)) {
        reader.skip(tag);
        this.unknown(at, tag);
      }
    }
  }

  unknown(at: string, tag: number): void {
    this.options.onUnknown?.(at, tag >>> 3);
  }

  /** Runs `read` with `reader.end` at the end of a length-delimited value, and goes on behind it whatever was read. */
  delimited<T>(read: () => T): T {
    const reader = this.reader;
    const length = reader.length();
    const outer = reader.end;
    reader.end = reader.pos + length;
    const result = read();
    reader.pos = reader.end;
    reader.end = outer;
    return result;
  }

  /** False, and nothing read, if the wire type is not the field's: then it is an unknown field. */
  #field(table: MessageTable, field: Field, wire: number, into: JsonObject, at: string, depth: number): boolean {
    const expected = wireTypeOf(field.type);
    if (field.shape === 'map') {
      if (wire !== WIRE.bytes) return false;
      this.#mapEntry(field, into, at, depth);
      return true;
    }
    if (field.shape === 'repeated') {
      const packed = wire === WIRE.bytes && expected !== WIRE.bytes;
      if (wire !== expected && !packed) return false;
      if (packed) this.#packed(field, into, at, depth);
      else {
        const list = listOf(into, field);
        list.push(this.#value(field, undefined, `${at}.${field.name}`, depth));
      }
      return true;
    }
    if (wire !== expected) return false;
    const value = this.#value(field, into[field.name], at, depth);
    if (field.oneof !== undefined) clearOneof(table, field, into);
    if (!field.explicit && isImplicitDefault(field, value)) delete into[field.name];
    else into[field.name] = value;
    return true;
  }

  #packed(field: Field, into: JsonObject, at: string, depth: number): void {
    const reader = this.reader;
    const length = reader.length();
    if (length === 0) return;
    const list = listOf(into, field);
    const outer = reader.end;
    reader.end = reader.pos + length;
    while (!reader.done) list.push(this.#value(field, undefined, at, depth));
    reader.end = outer;
  }

  #mapEntry(field: Field, into: JsonObject, at: string, depth: number): void {
    let key: string | undefined;
    let value: unknown;
    this.delimited(() => {
      const reader = this.reader;
      while (!reader.done) {
        const tag = reader.tag();
        const scalar = field.mapKey as Scalar;
        if (tag >>> 3 === 1 && (tag & 7) === wireTypeOf({ kind: 'scalar', scalar })) key = String(this.scalar(scalar));
        else if (tag >>> 3 === 2 && (tag & 7) === wireTypeOf(field.type))
          value = this.#value(field, value, `${at}.${field.name}`, depth);
        else {
          reader.skip(tag);
          this.unknown(`${at}.${field.name}`, tag);
        }
      }
    });
    key ??= field.mapKey === 'string' ? '' : field.mapKey === 'bool' ? 'false' : '0';
    value ??= defaultOf(field);
    const map = (into[field.name] ??= {}) as JsonObject;
    setOwn(map, key, value);
  }

  #value(field: Field, previous: unknown, at: string, depth: number): unknown {
    const type = field.type;
    if (type.kind === 'scalar') return this.scalar(type.scalar);
    if (type.kind === 'enum') {
      const number = this.reader.varint32() | 0;
      if (type.typeName === 'google.protobuf.NullValue' && number === 0) return null;
      return enumTable(type.typeName).names.get(number) ?? number;
    }
    const reader = this.reader;
    const length = reader.length();
    const outer = reader.end;
    reader.end = reader.pos + length;
    const value = this.message(
      type.typeName,
      previous,
      field.shape === 'single' ? `${at}.${field.name}` : at,
      depth + 1,
    );
    reader.end = outer;
    return value;
  }

  scalar(scalar: Scalar): string | number | boolean {
    const reader = this.reader;
    switch (scalar) {
      case 'string':
        return reader.string();
      case 'bool':
        return reader.bool();
      case 'uint32':
        return reader.varint32();
      case 'int32':
        return reader.varint32() | 0;
      case 'sint32': {
        const n = reader.varint32();
        return (n >>> 1) ^ -(n & 1);
      }
      case 'fixed32':
        return reader.fixed32();
      case 'sfixed32':
        return reader.fixed32() | 0;
      case 'int64':
        return String(BigInt.asIntN(64, reader.varint64()));
      case 'uint64':
        return String(reader.varint64());
      case 'sint64': {
        const n = reader.varint64();
        return String(BigInt.asIntN(64, (n >> 1n) ^ -(n & 1n)));
      }
      case 'fixed64':
        return String(reader.fixed64());
      case 'sfixed64':
        return String(BigInt.asIntN(64, reader.fixed64()));
      case 'float':
        return floatToJson(reader.float());
      case 'double':
        return floatToJson(reader.double());
      case 'bytes':
        return reader.bytes().toString('base64');
    }
  }
}

const listOf = (into: JsonObject, field: Field): unknown[] => (into[field.name] ??= []) as unknown[];

const clearOneof = (table: MessageTable, field: Field, into: JsonObject): void => {
  for (const other of table.fields) if (other !== field && other.oneof === field.oneof) delete into[other.name];
};

const isImplicitDefault = (field: Field, value: unknown): boolean => {
  if (field.type.kind === 'message') return false;
  if (field.type.kind === 'enum') return value === enumDefault(field.type.typeName);
  // Scalars of 64 bits are decimal text.
  if (value === '0') return field.type.scalar !== 'string';
  return value === '' || value === false || Object.is(value, 0);
};

const enumDefault = (typeName: string): unknown => enumTable(typeName).names.get(0) ?? 0;

const defaultOf = (field: Field): unknown => {
  const type = field.type;
  if (type.kind === 'message') return wellKnownDecoders.get(type.typeName)?.(EMPTY_DECODER, '', 0) ?? {};
  if (type.kind === 'enum') return enumDefault(type.typeName);
  if (type.scalar === 'string' || type.scalar === 'bytes') return '';
  if (type.scalar === 'bool') return false;
  return type.scalar.endsWith('64') ? '0' : 0;
};

const EMPTY_DECODER = new Decoder(new WireReader(new Uint8Array(0)), {});
