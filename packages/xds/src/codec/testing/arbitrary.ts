import { messageTables } from '@weft/xds-api/gen/tables';
import fc, { type Arbitrary } from 'fast-check';
import { enumTable, type Field, type FieldType, findMessageTable, type MessageTable, type Scalar } from '../table.ts';
import { WRAPPERS } from '../well-known.ts';

/** Random messages in the form that both protobuf's JSON and ours accept, a few fields each, a few levels deep. */
export const messageArbitrary = (typeName: string, depth = 0): Arbitrary<unknown> => {
  const wellKnown = wellKnownArbitrary(typeName, depth);
  if (wellKnown) return wellKnown;
  const { fields } = findMessageTable(typeName) as MessageTable;
  if (fields.length === 0 || depth > 3) return fc.constant({});
  return fc.subarray([...fields], { maxLength: Math.min(fields.length, depth === 0 ? 6 : 3) }).chain((chosen) => {
    const oneofs = new Set<string>();
    const record: Record<string, Arbitrary<unknown>> = {};
    for (const field of chosen) {
      if (field.oneof !== undefined && oneofs.has(field.oneof)) continue;
      if (field.oneof !== undefined) oneofs.add(field.oneof);
      record[field.name] = fieldArbitrary(field, depth);
    }
    return fc.record(record);
  });
};

const fieldArbitrary = (field: Field, depth: number): Arbitrary<unknown> => {
  const value = typeArbitrary(field.type, depth);
  if (field.shape === 'repeated') return fc.array(value, { maxLength: 3 });
  if (field.shape === 'map') return fc.dictionary(keyArbitrary(field.mapKey ?? 'string'), value, { maxKeys: 3 });
  return value;
};

const keyArbitrary = (scalar: Scalar): Arbitrary<string> => {
  if (scalar === 'string') return text().filter((key) => key !== '__proto__');
  return fc.nat(5).map(String);
};

const typeArbitrary = (type: FieldType, depth: number): Arbitrary<unknown> => {
  if (type.kind === 'message') return messageArbitrary(type.typeName, depth + 1);
  if (type.kind === 'scalar') return scalarArbitrary(type.scalar);
  if (type.typeName === 'google.protobuf.NullValue') return fc.constant(null);
  return fc.constantFrom(...enumTable(type.typeName).names.values());
};

const text = (): Arbitrary<string> =>
  fc.oneof(fc.string({ maxLength: 6 }), fc.string({ unit: 'grapheme', maxLength: 4 }));
const base64 = (): Arbitrary<string> => fc.uint8Array({ maxLength: 9 }).map((b) => Buffer.from(b).toString('base64'));
/** -0 has no JSON. */
const positiveZero = <T>(n: T): T | number => (Object.is(n, -0) ? 0 : n);
const special = fc.constantFrom('NaN', 'Infinity', '-Infinity');

const scalarArbitrary = (scalar: Scalar): Arbitrary<unknown> => {
  switch (scalar) {
    case 'string':
      return text();
    case 'bytes':
      return base64();
    case 'bool':
      return fc.boolean();
    case 'double':
      return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(positiveZero), special);
    case 'float':
      return fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }).map(positiveZero), special);
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 }));
    case 'uint32':
    case 'fixed32':
      return fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffffffff }));
    case 'uint64':
    case 'fixed64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    default:
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  }
};

const seconds = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 });
const nanos = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 }));
const anyTypes = ['envoy.config.core.v3.Locality', 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'];

const wellKnownArbitrary = (typeName: string, depth: number): Arbitrary<unknown> | undefined => {
  const wrapped = WRAPPERS.get(typeName);
  if (wrapped) return scalarArbitrary(wrapped);
  switch (typeName) {
    case 'google.protobuf.Duration':
      return fc.tuple(seconds, nanos).map(([s, n]) => `${s}.${String(n).padStart(9, '0')}s`);
    case 'google.protobuf.Timestamp':
      return fc.tuple(seconds, nanos).map(([s, n]) => {
        const whole = new Date(s * 1000).toISOString().slice(0, 19);
        return `${whole}.${String(n).padStart(9, '0')}Z`;
      });
    case 'google.protobuf.Struct':
      return jsonObject();
    case 'google.protobuf.Value':
      return jsonValue();
    case 'google.protobuf.ListValue':
      return fc.array(jsonValue(), { maxLength: 3 });
    case 'google.protobuf.Empty':
      return fc.constant({});
    case 'google.protobuf.FieldMask':
      return fc.array(fc.constantFrom('a', 'fooBar', 'foo.barBaz'), { maxLength: 3 }).map((paths) => paths.join(','));
    case 'google.protobuf.Any':
      return anyArbitrary(depth);
    default:
      return undefined;
  }
};

const anyArbitrary = (depth: number): Arbitrary<unknown> => {
  if (depth > 2) return fc.constant({ '@type': 'type.googleapis.com/google.protobuf.Empty' });
  const message = fc
    .constantFrom(...anyTypes, ...Object.keys(messageTables).filter((name) => /rbac|header_mutation/.test(name)))
    .chain((name) =>
      messageArbitrary(name, depth + 1).map((fields) => ({
        '@type': `type.googleapis.com/${name}`,
        ...(fields as object),
      })),
    );
  const wellKnown = fc
    .constantFrom(
      'google.protobuf.Duration',
      'google.protobuf.StringValue',
      'google.protobuf.Struct',
      'google.protobuf.Int64Value',
    )
    .chain((name) =>
      messageArbitrary(name, depth + 1).map((value) => ({ '@type': `type.googleapis.com/${name}`, value })),
    );
  return fc.oneof(message, wellKnown);
};

const jsonValue = (): Arbitrary<unknown> =>
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      text(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(positiveZero),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        text().filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 3 },
      ),
    ),
  })).value;

const jsonObject = (): Arbitrary<unknown> =>
  fc.dictionary(
    text().filter((key) => key !== '__proto__'),
    jsonValue(),
    { maxKeys: 3 },
  );
