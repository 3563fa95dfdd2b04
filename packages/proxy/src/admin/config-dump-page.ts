import type { Credentials } from '@weft/identity/workload-identity';
import { type DumpedSecret, renderConfigDump } from '@weft/xds/config-dump';
import type { ConfigSubscription } from '../xds/config-subscription.ts';
import { type Answer, json, text } from './admin-server.ts';
import { selectFromDump } from './config-dump-query.ts';

/** Envoy's `/config_dump`; `?include_eds` adds the endpoints, the rest of the query selects. The two secrets are our own, and shown without a key. */
export const configDumpPage = (
  { client }: ConfigSubscription,
  credentials: Credentials | null,
  query: URLSearchParams,
): Answer => {
  const dump = renderConfigDump({
    kept: (typeUrl) => client.kept(typeUrl),
    secrets: credentials ? secretsOf(credentials) : [],
    includeEndpoints: query.has('include_eds') || query.get('resource') === 'dynamic_endpoint_configs',
  });
  const selected = selectFromDump(dump, query);
  return typeof selected === 'string' ? text(selected, 400) : json(selected);
};

const secretsOf = ({ notBeforeMs: updatedMs, chainPem, bundle }: Credentials): DumpedSecret[] => [
  { name: 'default', updatedMs, certificateChain: chainPem },
  { name: 'ROOTCA', updatedMs, trustedCa: bundle.pem },
];
