import type { Credentials } from '@weft/identity/workload-identity';
import { type DumpedSecret, renderConfigDump } from '@weft/xds/config-dump';
import type { ConfigSubscription } from '../xds/config-subscription.ts';
import { type Answer, json } from './admin-server.ts';

/** Envoy's `/config_dump`; `?include_eds` adds the endpoints. The two secrets are our own, and shown without a key. */
export const configDumpPage = (
  { client }: ConfigSubscription,
  credentials: Credentials | null,
  query: URLSearchParams,
): Answer =>
  json(
    renderConfigDump({
      kept: (typeUrl) => client.kept(typeUrl),
      secrets: credentials ? secretsOf(credentials) : [],
      includeEndpoints: query.has('include_eds'),
    }),
  );

const secretsOf = ({ notBeforeMs: updatedMs, chainPem, bundle }: Credentials): DumpedSecret[] => [
  { name: 'default', updatedMs, certificateChain: chainPem },
  { name: 'ROOTCA', updatedMs, trustedCa: bundle.pem },
];
