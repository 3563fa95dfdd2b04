import { create } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  OneofDescriptorProtoSchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { enumTables, messageTables } from '@weft/xds-api/gen/tables';
import { enumTable, type Field, type FieldType, findMessageTable, type MessageTable } from '../table.ts';

/**
 * A descriptor set of every message and enum in our tables. Packages refer to each other in circles, which files may
 * not: so there is one file, and packages are messages that nest (`a.b.C` is C in b in a, as the names have it anyway).
 */
export const descriptorsOfTables = (): FileDescriptorSet => {
  const file = create(FileDescriptorProtoSchema, {
    name: 'tables.proto',
    syntax: 'proto3',
    dependency: WELL_KNOWN_FILES.map((known) => known.name),
  });
  const nodes = new Map<string, DescriptorProto>();
  const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const parentOf = (name: string): DescriptorProto => messageNode(name.slice(0, name.lastIndexOf('.')));
  const messageNode = (name: string): DescriptorProto => {
    const known = nodes.get(name);
    if (known) return known;
    const node = create(DescriptorProtoSchema, { name: shortName(name) });
    nodes.set(name, node);
    if (name.includes('.')) parentOf(name).nestedType.push(node);
    else file.messageType.push(node);
    return node;
  };

  for (const name of Object.keys(messageTables)) fillMessage(messageNode(name), findMessageTable(name) as MessageTable);
  for (const name of Object.keys(enumTables)) {
    if (name.startsWith('google.protobuf.')) continue;
    const value = [...enumTable(name).numbers].map(([valueName, number]) => ({ name: valueName, number }));
    const allowAlias = new Set(value.map((v) => v.number)).size < value.length;
    parentOf(name).enumType.push(
      create(EnumDescriptorProtoSchema, { name: shortName(name), value, options: { allowAlias } }),
    );
  }
  return create(FileDescriptorSetSchema, { file: [...WELL_KNOWN_FILES, file] });
};

const WELL_KNOWN_FILES = [
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
].map((file) => file.proto);

const fillMessage = (node: DescriptorProto, table: MessageTable): void => {
  for (const field of table.fields) {
    const proto = create(FieldDescriptorProtoSchema, {
      name: field.name,
      jsonName: field.name,
      number: field.number,
      label: field.shape === 'single' ? FieldDescriptorProto_Label.OPTIONAL : FieldDescriptorProto_Label.REPEATED,
      ...typeOf(field.type),
    });
    if (field.shape === 'map') asMap(node, table, field, proto);
    else if (field.oneof !== undefined) proto.oneofIndex = oneofIndex(node, field.oneof);
    node.field.push(proto);
  }
  // The synthetic oneofs of `optional` fields come last, as protoc has them.
  for (const field of table.fields) {
    if (!field.explicit || field.oneof !== undefined) continue;
    const proto = node.field.find((f) => f.name === field.name) as FieldDescriptorProto;
    proto.proto3Optional = true;
    proto.oneofIndex = oneofIndex(node, `_${field.name}`);
  }
};

const oneofIndex = (node: DescriptorProto, name: string): number => {
  const known = node.oneofDecl.findIndex((o) => o.name === name);
  if (known >= 0) return known;
  node.oneofDecl.push(create(OneofDescriptorProtoSchema, { name }));
  return node.oneofDecl.length - 1;
};

const asMap = (node: DescriptorProto, table: MessageTable, field: Field, proto: FieldDescriptorProto): void => {
  const name = `${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}Entry`;
  const keyType = typeOf({ kind: 'scalar', scalar: field.mapKey ?? 'string' });
  const entry = create(DescriptorProtoSchema, {
    name,
    field: [
      { name: 'key', jsonName: 'key', number: 1, label: FieldDescriptorProto_Label.OPTIONAL, ...keyType },
      {
        name: 'value',
        jsonName: 'value',
        number: 2,
        label: FieldDescriptorProto_Label.OPTIONAL,
        ...typeOf(field.type),
      },
    ],
    options: { mapEntry: true },
  });
  node.nestedType.push(entry);
  proto.type = FieldDescriptorProto_Type.MESSAGE;
  proto.typeName = `.${table.typeName}.${name}`;
};

const typeOf = (type: FieldType): { type: FieldDescriptorProto_Type; typeName?: string } => {
  if (type.kind === 'message') return { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.${type.typeName}` };
  if (type.kind === 'enum') return { type: FieldDescriptorProto_Type.ENUM, typeName: `.${type.typeName}` };
  const name = type.scalar.toUpperCase() as keyof typeof FieldDescriptorProto_Type;
  return { type: FieldDescriptorProto_Type[name] };
};
