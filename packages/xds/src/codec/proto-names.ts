import type { JsonObject } from './json-scalars.ts';
import { setOwn } from './json-scalars.ts';
import { type Field, type FieldType, findMessageTable, typeNameOf } from './table.ts';

/**
 * A decoded message as Envoy's admin prints it: names as in the .proto files (`connect_timeout`), and what those files
 * mark as sensitive replaced by `[redacted]`. Data that is no field name (map keys, Structs) stays as it is.
 */
export const toAdminForm = (typeName: string, json: unknown): unknown => {
  if (typeName === 'google.protobuf.Any') return anyToAdminForm(json as JsonObject);
  const table = findMessageTable(typeName);
  if (!table || typeof json !== 'object' || json === null) return json;
  const source = json as JsonObject;
  const result: JsonObject = {};
  for (const field of table.fields) {
    const value = source[field.name];
    if (value === undefined) continue;
    result[protoNameOf(field.name)] = SENSITIVE.has(`${typeName}.${field.name}`)
      ? redact(value)
      : fieldToAdminForm(field, value);
  }
  return result;
};

const anyToAdminForm = (json: JsonObject): JsonObject => {
  const typeUrl = json['@type'];
  if (typeof typeUrl !== 'string') return json;
  const typeName = typeNameOf(typeUrl);
  // `value` stands where a message is unknown or has a JSON form of its own; neither has fields to rename.
  if (!findMessageTable(typeName)) return json;
  return { '@type': typeUrl, ...(toAdminForm(typeName, json) as JsonObject) };
};

const fieldToAdminForm = (field: Field, value: unknown): unknown => {
  const { type } = field;
  if (type.kind !== 'message') return value;
  if (field.shape === 'repeated') return (value as unknown[]).map((item) => toAdminForm(type.typeName, item));
  if (field.shape === 'map') return mapToAdminForm(type, value as JsonObject);
  return toAdminForm(type.typeName, value);
};

const mapToAdminForm = (type: FieldType & { kind: 'message' }, map: JsonObject): JsonObject => {
  const result: JsonObject = {};
  for (const key of Object.keys(map)) setOwn(result, key, toAdminForm(type.typeName, map[key]));
  return result;
};

/** Fields with `udpa.annotations.sensitive`, of the messages in our tables. */
const TLS = 'envoy.extensions.transport_sockets.tls.v3';
const SENSITIVE: ReadonlySet<string> = new Set([
  'envoy.config.core.v3.GrpcService.GoogleGrpc.SslCredentials.privateKey',
  `${TLS}.GenericSecret.secret`,
  `${TLS}.GenericSecret.secrets`,
  `${TLS}.PrivateKeyProvider.typedConfig`,
  `${TLS}.TlsCertificate.privateKey`,
  `${TLS}.TlsCertificate.pkcs12`,
  `${TLS}.TlsCertificate.password`,
  `${TLS}.TlsSessionTicketKeys.keys`,
]);

export const REDACTED = '[redacted]';
const REDACTED_BASE64 = Buffer.from(REDACTED).toString('base64');

/** Every text in it, of a file name too: a name can tell. Bytes are redacted as bytes. */
const redact = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return REDACTED;
  const result: JsonObject = {};
  for (const [key, part] of Object.entries(value)) {
    if (key === '@type') result[key] = part;
    else if (key === 'inlineBytes') result['inline_bytes'] = REDACTED_BASE64;
    else setOwn(result, protoNameOf(key), redact(part));
  }
  return result;
};

/** lowerCamelCase back to snake_case; the few names with a word that starts with a digit are listed. */
const protoNameOf = (name: string): string =>
  IRREGULAR.get(name) ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ['consecutive5xx', 'consecutive_5xx'],
  ['enforcingConsecutive5xx', 'enforcing_consecutive_5xx'],
  ['acceptHttp10', 'accept_http_10'],
  ['defaultHostForHttp10', 'default_host_for_http_10'],
  ['ignoreHttp11Upgrade', 'ignore_http_11_upgrade'],
  ['proxy100Continue', 'proxy_100_continue'],
  ['normalizePathRfc3986', 'normalize_path_rfc_3986'],
]);
