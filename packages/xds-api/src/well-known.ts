/** Any JSON object: `google.protobuf.Struct`. */
export type Json = { [key: string]: unknown };

/** `google.protobuf.Any` in its proto3 JSON form: the message's own fields beside its type URL. */
export type Any = { '@type': string; [field: string]: unknown };
