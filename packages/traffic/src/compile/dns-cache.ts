import type { DnsCacheConfig } from '@weft/xds-api/gen/envoy/extensions/common/dynamic_forward_proxy/v3';
import { at, oneOf, onlyKnown } from './fields.ts';

/**
 * Names are resolved by the system's servers, both families, IPv4 first; the sizes and times of the cache are our own.
 * What would send requests elsewhere is refused.
 */
export const checkDnsCache = (json: DnsCacheConfig, path: string): void => {
  onlyKnown(
    json,
    path,
    ['name', 'dnsLookupFamily'],
    [
      'dnsRefreshRate',
      'dnsMinRefreshRate',
      'hostTtl',
      'maxHosts',
      'disableDnsRefreshOnFailure',
      'dnsFailureRefreshRate',
      'dnsCacheCircuitBreaker',
      'useTcpForDnsLookups',
      'preresolveHostnames',
      'dnsQueryTimeout',
      'keyValueConfig',
    ],
  );
  oneOf(json.dnsLookupFamily, 'AUTO', ['AUTO', 'V4_PREFERRED', 'ALL'], at(path, 'dnsLookupFamily'));
};
