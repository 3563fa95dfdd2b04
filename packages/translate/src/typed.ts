import type { Any } from '@weft/xds-api/well-known';

/** A message inside an Any; `type` is its full name. Callers say that it `satisfies` its generated type. */
export const any = (type: string, message: object): Any => ({
  '@type': `type.googleapis.com/${type}`,
  ...message,
});

/** A named extension: network and HTTP filters, transport sockets, predicates. */
export const extension = (name: string, type: string, message: object): { name: string; typedConfig: Any } => ({
  name,
  typedConfig: any(type, message),
});
