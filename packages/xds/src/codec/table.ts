import { enumTables, messageTables } from '@weft/xds-api/gen/tables';

/**
 * Field tables of messages, parsed from their line of text the first time a message is met, so that a sidecar pays
 * only for the few dozen messages it really reads. The form of a line: tools/xds-gen/generate.ts#fieldLine.
 */
export interface MessageTable {
  readonly typeName: string;
  /** By ascending field number. */
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
  readonly byNumber: ReadonlyMap<number, Field>;
}

export interface Field {
  readonly number: number;
  /** lowerCamelCase, as in proto3 JSON. */
  readonly name: string;
  readonly shape: 'single' | 'repeated' | 'map';
  /** Of the value (for a map, of its values). */
  readonly type: FieldType;
  /** A map's keys; undefined otherwise. */
  readonly mapKey: Scalar | undefined;
  /** A set scalar is written even if it is zero: `optional`, or a member of a oneof. */
  readonly explicit: boolean;
  /** The oneof this field belongs to, or undefined. At most one member is ever set. */
  readonly oneof: string | undefined;
}

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'enum'; readonly typeName: string }
  | { readonly kind: 'message'; readonly typeName: string };

export type Scalar = (typeof SCALARS)[number];

const SCALARS = [
  'double',
  'float',
  'int32',
  'uint32',
  'sint32',
  'fixed32',
  'sfixed32',
  'int64',
  'uint64',
  'sint64',
  'fixed64',
  'sfixed64',
  'bool',
  'string',
  'bytes',
] as const;
const scalars: ReadonlySet<string> = new Set(SCALARS);

const parsedMessages = new Map<string, MessageTable>();
const parsedEnums = new Map<string, EnumTable>();

/** Undefined if weft does not know the message. */
export const findMessageTable = (typeName: string): MessageTable | undefined => {
  const parsed = parsedMessages.get(typeName);
  if (parsed) return parsed;
  if (!Object.hasOwn(messageTables, typeName)) return undefined;
  const table = parseTable(typeName, messageTables[typeName] as string);
  parsedMessages.set(typeName, table);
  return table;
};

export interface EnumTable {
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

const EMPTY_ENUM: EnumTable = { numbers: new Map(), names: new Map() };

export const enumTable = (typeName: string): EnumTable => {
  const parsed = parsedEnums.get(typeName);
  if (parsed) return parsed;
  if (!Object.hasOwn(enumTables, typeName)) return EMPTY_ENUM;
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const value of (enumTables[typeName] as string).split('|')) {
    const space = value.indexOf(' ');
    const number = Number(value.slice(0, space));
    const name = value.slice(space + 1);
    numbers.set(name, number);
    // Of aliases, the first is the one that is printed.
    if (!names.has(number)) names.set(number, name);
  }
  const table: EnumTable = { numbers, names };
  parsedEnums.set(typeName, table);
  return table;
};

const parseTable = (typeName: string, line: string): MessageTable => {
  const fields = line === '' ? [] : line.split('|').map(parseField);
  return {
    typeName,
    fields,
    byName: new Map(fields.map((f) => [f.name, f])),
    byNumber: new Map(fields.map((f) => [f.number, f])),
  };
};

const FIELD = /^(\d+) (\w+) (?:(\*)|%(\w+):)?(=?)([\w.]+)(\?)?(?:!(\w+))?$/;

const parseField = (text: string): Field => {
  const m = FIELD.exec(text);
  if (!m) throw new Error(`bad field in the generated tables: ${text}`);
  const [, number, name, repeated, mapKey, isEnum, typeName, explicit, oneof] = m;
  return {
    number: Number(number),
    name: name as string,
    shape: repeated ? 'repeated' : mapKey ? 'map' : 'single',
    type: fieldType(typeName as string, isEnum === '='),
    mapKey: mapKey as Scalar | undefined,
    explicit: explicit === '?' || oneof !== undefined,
    oneof,
  };
};

const fieldType = (name: string, isEnum: boolean): FieldType => {
  if (isEnum) return { kind: 'enum', typeName: name };
  if (scalars.has(name)) return { kind: 'scalar', scalar: name as Scalar };
  return { kind: 'message', typeName: name };
};

/** Protobuf wire types (https://protobuf.dev/programming-guides/encoding/#structure). */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

export const wireTypeOf = (type: FieldType): number => {
  if (type.kind === 'enum') return WIRE.varint;
  if (type.kind === 'message') return WIRE.bytes;
  switch (type.scalar) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return WIRE.fixed64;
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return WIRE.fixed32;
    case 'string':
    case 'bytes':
      return WIRE.bytes;
    default:
      return WIRE.varint;
  }
};

/** Deeper messages are refused in both directions; protobuf's own default. */
export const MAX_DEPTH = 100;
export const TYPE_URL_PREFIX = 'type.googleapis.com/';

/** `type.googleapis.com/a.b.C` → `a.b.C` */
export const typeNameOf = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
