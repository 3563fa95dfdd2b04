// Our codec against protobuf-es, over every message in the tables: one is table driven from our lines of text, the
// other from descriptors that this test makes of the same lines, so it proves the reading and writing, while the lines
// themselves come from Envoy's descriptors by tools/xds-gen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { WeftError } from '@weft/base/errors';
import { messageTables } from '@weft/xds-api/gen/tables';
import fc from 'fast-check';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { messageArbitrary } from './testing/arbitrary.ts';
import { descriptorsOfTables } from './testing/descriptors.ts';

const registry = createFileRegistry(descriptorsOfTables());
const typeNames = Object.keys(messageTables);
const RUNS = Number(process.env['WEFT_FUZZ_RUNS'] ?? 600);

const schemaOf = (typeName: string) => {
  const schema = registry.getMessage(typeName);
  assert.ok(schema, typeName);
  return schema;
};

const cases = fc
  .constantFrom(...typeNames)
  .chain((typeName) => fc.tuple(fc.constant(typeName), messageArbitrary(typeName)));

test('protobuf-es reads from our bytes what we wrote, and prints the JSON that we print', () => {
  fc.assert(
    fc.property(cases, ([typeName, json]) => {
      const bytes = encodeMessage(typeName, json);
      const theirs = toJson(schemaOf(typeName), fromBinary(schemaOf(typeName), bytes), { registry });
      assert.deepEqual(decodeMessage(typeName, bytes), theirs);
    }),
    { numRuns: RUNS },
  );
});

test('we read from the bytes of protobuf-es what it wrote', () => {
  fc.assert(
    fc.property(cases, ([typeName, json]) => {
      const message = fromJson(schemaOf(typeName), json as JsonValue, { registry });
      const bytes = toBinary(schemaOf(typeName), message);
      assert.deepEqual(decodeMessage(typeName, bytes), toJson(schemaOf(typeName), message, { registry }));
    }),
    { numRuns: RUNS },
  );
});

test('what was decoded encodes to the same bytes again', () => {
  fc.assert(
    fc.property(cases, ([typeName, json]) => {
      const bytes = encodeMessage(typeName, json);
      assert.deepEqual(encodeMessage(typeName, decodeMessage(typeName, bytes)), bytes);
    }),
    { numRuns: RUNS },
  );
});

test('bytes of any kind decode or are refused with malformedXds, and nothing else happens', () => {
  const mutated = fc
    .tuple(cases, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
    .map(([[typeName, json], changes, cut]): [string, Uint8Array] => {
      const bytes = encodeMessage(typeName, json);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return [typeName, cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes];
    });
  const random = fc.tuple(fc.constantFrom(...typeNames), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(fc.oneof(mutated, random), ([typeName, bytes]) => {
      try {
        decodeMessage(typeName, bytes);
      } catch (error) {
        assert.ok(error instanceof WeftError, String(error));
      }
    }),
    { numRuns: RUNS * 5 },
  );
});
