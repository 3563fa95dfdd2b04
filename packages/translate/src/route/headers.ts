import type { HeaderOperations, Headers } from '@weft/model/kinds/http-route';
import type { HeaderValueOption } from '@weft/xds-api/gen/envoy/config/core/v3';

/** Fields that a route, a virtual host and a weighted cluster share. */
export interface HeaderChanges {
  requestHeadersToAdd?: HeaderValueOption[];
  requestHeadersToRemove?: string[];
  responseHeadersToAdd?: HeaderValueOption[];
  responseHeadersToRemove?: string[];
}

/** Istio's `set` replaces, `add` appends. The authority is not a header to change but a rewrite: `authorityOf`. */
export const headerChanges = (headers: Headers | undefined): HeaderChanges => {
  const request = headers?.request ?? {};
  const response = headers?.response ?? {};
  return {
    ...(added(request).length > 0 && { requestHeadersToAdd: added(request) }),
    ...(request.remove?.length && { requestHeadersToRemove: request.remove }),
    ...(added(response).length > 0 && { responseHeadersToAdd: added(response) }),
    ...(response.remove?.length && { responseHeadersToRemove: response.remove }),
  };
};

const added = (operations: HeaderOperations): HeaderValueOption[] => [
  ...options(operations.set, 'OVERWRITE_IF_EXISTS_OR_ADD'),
  ...options(operations.add, 'APPEND_IF_EXISTS_OR_ADD'),
];

const options = (
  values: Readonly<Record<string, string>> | undefined,
  appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD',
): HeaderValueOption[] =>
  Object.entries(values ?? {})
    .filter(([key]) => !isAuthority(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ header: { key, value }, appendAction }));

const isAuthority = (name: string): boolean => ['host', ':authority'].includes(name.toLowerCase());

/** The authority that a request's headers are set to, if they are: `set: {Host: x}`. */
export const authorityOf = (headers: Headers | undefined): string | undefined =>
  Object.entries(headers?.request?.set ?? {}).find(([key]) => isAuthority(key))?.[1];
