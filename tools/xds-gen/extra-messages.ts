// Messages weft speaks that are not in Envoy's descriptors, by hand; `generate.ts` writes them like the others. Few and
// frozen, so that a second set of descriptors is not worth its weight.

export interface ExtraField {
  readonly number: number;
  readonly name: string;
  /** As in the tables: see `fieldLine`. */
  readonly type: string;
  /** TypeScript, of the proto3 JSON form. */
  readonly ts: string;
}

/** By full name; the last dot parts the package from the message. */
export const EXTRA_MESSAGES: Record<string, readonly ExtraField[]> = {
  // https://github.com/istio/api/blob/master/security/v1alpha1/ca.proto
  'istio.v1.auth.IstioCertificateRequest': [
    { number: 1, name: 'csr', type: 'string', ts: 'string' },
    { number: 3, name: 'validityDuration', type: 'int64', ts: 'number | string' },
    { number: 4, name: 'metadata', type: 'google.protobuf.Struct', ts: 'Json' },
  ],
  'istio.v1.auth.IstioCertificateResponse': [{ number: 1, name: 'certChain', type: '*string', ts: 'string[]' }],
};
