import {
  asObject,
  asString,
  describe,
  fail,
  isUint32,
  parseBase64,
  parseFloatValue,
  parseInt32,
  parseInt64,
} from './json-scalars.ts';
import {
  enumTable,
  type Field,
  type FieldType,
  findMessageTable,
  MAX_DEPTH,
  type Scalar,
  WIRE,
  wireTypeOf,
} from './table.ts';
import { wellKnownEncoders } from './well-known-encode.ts';
import { BackwardWriter } from './writer.ts';

/**
 * Bytes of a message given in its proto3 JSON form. Deterministic: fields in the order of their numbers, map keys
 * sorted, implicit defaults left out; so equal JSON gives equal bytes, whose hash can be a version.
 *
 * Stricter than protobuf's JSON parsers, because the author is always weft: field names in lowerCamelCase only, and
 * anything unknown (field, enum value, type) throws `WeftError` malformedXds with the JSON path.
 * https://protobuf.dev/programming-guides/json/
 */
export const encodeMessage = (typeName: string, json: unknown): Uint8Array => {
  // A nested call would mean a re-entrant getter in `json`; it gets a writer of its own.
  const writer = spare ?? new BackwardWriter();
  spare = undefined;
  try {
    writer.reset();
    new Encoder(writer).message(typeName, json, typeName, 0);
    return writer.finish();
  } finally {
    writer.reset();
    spare = writer;
  }
};

let spare: BackwardWriter | undefined;

/** Writes values back to front (see `BackwardWriter`). `at` is the JSON path so far, for messages. */
export class Encoder {
  readonly out: BackwardWriter;

  constructor(out: BackwardWriter) {
    this.out = out;
  }

  message(typeName: string, json: unknown, at: string, depth: number): void {
    if (depth > MAX_DEPTH) fail(at, `nested deeper than ${MAX_DEPTH} messages`);
    const wellKnown = wellKnownEncoders.get(typeName);
    if (wellKnown) wellKnown(this, json, at, depth);
    else this.fields(typeName, json, at, depth, false);
  }

  /** `inAny`: the object carries `@type` beside the fields. */
  fields(typeName: string, json: unknown, at: string, depth: number, inAny: boolean): void {
    const table = findMessageTable(typeName);
    if (!table) return fail(at, `unknown message ${typeName}`);
    const object = asObject(json, at);
    for (const name of Object.keys(object)) {
      if (!table.byName.has(name) && object[name] !== undefined && !(inAny && name === '@type'))
        fail(at, `${typeName} has no field ${JSON.stringify(name)}`);
    }
    let oneofs: Map<string, string> | undefined;
    for (let i = table.fields.length - 1; i >= 0; i--) {
      const field = table.fields[i] as Field;
      const value = object[field.name];
      if (value === undefined || (value === null && !acceptsNull(field))) continue;
      if (field.oneof !== undefined) {
        oneofs ??= new Map();
        const other = oneofs.get(field.oneof);
        if (other !== undefined) fail(at, `both ${field.name} and ${other} of oneof ${field.oneof} are set`);
        oneofs.set(field.oneof, field.name);
      }
      this.#field(field, value, at, depth);
    }
  }

  #field(field: Field, value: unknown, parent: string, depth: number): void {
    const at = `${parent}.${field.name}`;
    if (field.shape === 'repeated') return this.#repeated(field, value, at, depth);
    if (field.shape === 'map') return this.#map(field, value, at, depth);
    const mark = this.out.length;
    this.#value(field.type, value, at, depth);
    // The default of a field without presence is not written; it was, so that its type is checked all the same.
    if (!field.explicit && field.type.kind !== 'message' && this.out.isZeroSince(mark)) this.out.rewind(mark);
    else this.#tag(field.number, field.type, mark);
  }

  #repeated(field: Field, value: unknown, at: string, depth: number): void {
    if (!Array.isArray(value)) return fail(at, `must be an array, not ${describe(value)}`);
    const packed = wireTypeOf(field.type) !== WIRE.bytes;
    const mark = this.out.length;
    for (let i = value.length - 1; i >= 0; i--) {
      if (packed) this.#value(field.type, value[i], `${at}[${i}]`, depth);
      else this.tagged(field.number, field.type, value[i], `${at}[${i}]`, depth);
    }
    if (packed && value.length > 0) this.prefix(field.number, mark);
  }

  #map(field: Field, value: unknown, at: string, depth: number): void {
    const object = asObject(value, at);
    const scalar = field.mapKey as Scalar;
    const key: FieldType = { kind: 'scalar', scalar };
    const names = Object.keys(object).filter((name) => object[name] !== undefined);
    const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    const byNumber = (a: string, b: string): number => (BigInt(a) < BigInt(b) ? -1 : 1);
    if (scalar !== 'string' && scalar !== 'bool' && names.some((n) => !/^-?\d+$/.test(n)))
      fail(at, 'has a key that is not an integer');
    names.sort(scalar === 'string' || scalar === 'bool' ? byText : byNumber);
    for (let i = names.length - 1; i >= 0; i--) {
      const name = names[i] as string;
      const entry = `${at}[${JSON.stringify(name)}]`;
      const mark = this.out.length;
      this.tagged(2, field.type, object[name], entry, depth);
      this.tagged(1, key, scalar === 'bool' ? boolKey(name, entry) : name, entry, depth);
      this.prefix(field.number, mark);
    }
  }

  /** A value with its tag, written even if it is the default. */
  tagged(number: number, type: FieldType, value: unknown, at: string, depth: number): void {
    const mark = this.out.length;
    this.#value(type, value, at, depth);
    this.#tag(number, type, mark);
  }

  #tag(number: number, type: FieldType, mark: number): void {
    const wire = wireTypeOf(type);
    if (wire === WIRE.bytes) this.out.varint32(this.out.length - mark);
    this.out.varint32(((number << 3) | wire) >>> 0);
  }

  /** The tag and length of what was written since `mark`. */
  prefix(number: number, mark: number): void {
    this.out.varint32(this.out.length - mark);
    this.out.varint32(((number << 3) | WIRE.bytes) >>> 0);
  }

  #value(type: FieldType, value: unknown, at: string, depth: number): void {
    if (type.kind === 'message') this.message(type.typeName, value, at, depth + 1);
    else if (type.kind === 'enum') this.#int32(enumNumber(type.typeName, value, at));
    else this.scalar(type.scalar, value, at);
  }

  scalar(scalar: Scalar, value: unknown, at: string): void {
    const out = this.out;
    switch (scalar) {
      case 'string':
        out.string(asString(value, at));
        return;
      case 'bool':
        if (typeof value !== 'boolean') fail(at, `must be true or false, not ${describe(value)}`);
        out.varint32(value ? 1 : 0);
        return;
      case 'uint32':
        return isUint32(value) ? out.varint32(value) : out.varint32(parseInt32(value, false, at));
      case 'int32':
        return this.#int32(parseInt32(value, true, at));
      case 'sint32': {
        const n = parseInt32(value, true, at);
        return out.varint32(((n << 1) ^ (n >> 31)) >>> 0);
      }
      case 'fixed32':
        return out.fixed32(parseInt32(value, false, at));
      case 'sfixed32':
        return out.fixed32(parseInt32(value, true, at));
      case 'int64':
        return out.varint64(parseInt64(value, true, at));
      case 'uint64':
        return out.varint64(parseInt64(value, false, at));
      case 'sint64': {
        const n = parseInt64(value, true, at);
        return out.varint64((n << 1n) ^ (n >> 63n));
      }
      case 'fixed64':
        return out.fixed64(parseInt64(value, false, at));
      case 'sfixed64':
        return out.fixed64(parseInt64(value, true, at));
      case 'float':
        return out.float(parseFloatValue(value, true, at));
      case 'double':
        return out.double(parseFloatValue(value, false, at));
      case 'bytes':
        return out.bytes(parseBase64(value, at));
    }
  }

  /** Negative numbers take ten bytes, as protobuf has it. */
  #int32(value: number): void {
    if (value < 0) this.out.varint64(BigInt(value));
    else this.out.varint32(value);
  }
}

/** `null` stands for a field left out, except where null is a value. */
const acceptsNull = (field: Field): boolean =>
  field.shape === 'single' && field.type.kind !== 'scalar' && NULLABLE.has(field.type.typeName);
const NULLABLE: ReadonlySet<string> = new Set(['google.protobuf.Value', 'google.protobuf.NullValue']);

const enumNumber = (typeName: string, value: unknown, at: string): number => {
  if (typeName === 'google.protobuf.NullValue' && value === null) return 0;
  if (typeof value === 'number') return parseInt32(value, true, at);
  const number = typeof value === 'string' ? enumTable(typeName).numbers.get(value) : undefined;
  if (number === undefined) return fail(at, `${describe(value)} is not a value of ${typeName}`);
  return number;
};

const boolKey = (name: string, at: string): boolean => {
  if (name !== 'true' && name !== 'false') fail(at, 'must be true or false');
  return name === 'true';
};
