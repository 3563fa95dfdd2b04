import type { ListenerFilter } from '@weft/xds-api/gen/envoy/config/listener/v3';
import type { ProxyProtocol } from '@weft/xds-api/gen/envoy/extensions/filters/listener/proxy_protocol/v3';
import type { ListenerConfig } from '../runtime-config.ts';
import { fail } from './failure.ts';
import { at, onlyKnown, required, typeOf, unpack } from './fields.ts';

export type ListenerFilters = Pick<ListenerConfig, 'inspectTls' | 'inspectHttp' | 'proxyProtocol'>;

const PACKAGE = 'envoy.extensions.filters.listener';

/** What of a connection is looked at before a filter chain is chosen. The PROXY header stands first, whatever comes behind. */
export const compileListenerFilters = (filters: readonly ListenerFilter[], path: string): ListenerFilters => {
  let inspectTls = false;
  let inspectHttp = false;
  let proxyProtocol: ListenerConfig['proxyProtocol'] = null;
  for (const [i, filter] of filters.entries()) {
    const here = at(path, i);
    onlyKnown(filter, here, ['name', 'typedConfig']);
    const any = required(filter.typedConfig, at(here, 'typedConfig'));
    const config = at(here, 'typedConfig');
    switch (typeOf(any)) {
      case `${PACKAGE}.tls_inspector.v3.TlsInspector`:
        inspectTls = true;
        break;
      case `${PACKAGE}.http_inspector.v3.HttpInspector`:
        inspectHttp = true;
        break;
      case `${PACKAGE}.proxy_protocol.v3.ProxyProtocol`:
        if (inspectTls || inspectHttp)
          fail(here, 'must come before the inspectors, which see what is behind the header');
        proxyProtocol = compileProxyProtocol(unpack(any), config);
        break;
      default:
        fail(at(config, '@type'), `${typeOf(any)} is not supported`);
    }
  }
  return { inspectTls, inspectHttp, proxyProtocol };
};

/** What follows the addresses (TLVs) is skipped, so nothing may ask for it. */
const compileProxyProtocol = (json: ProxyProtocol, path: string): NonNullable<ListenerConfig['proxyProtocol']> => {
  onlyKnown(
    json,
    path,
    ['allowRequestsWithoutProxyProtocol', 'disallowedVersions'],
    ['statPrefix', 'tlvLocation', 'passThroughTlvs'],
  );
  const disallowed = (json.disallowedVersions ?? []).map((version) => (version === 'V2' ? 2 : 1));
  const versions = ([1, 2] as const).filter((version) => !disallowed.includes(version));
  if (versions.length === 0) fail(at(path, 'disallowedVersions'), 'leaves no version');
  return { optional: json.allowRequestsWithoutProxyProtocol ?? false, versions };
};
