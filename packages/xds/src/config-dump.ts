import { typeUrls } from '@weft/xds-api/type-urls';
import type { KeptResource } from './client/kept-resources.ts';
import { decodeMessage } from './codec/decode.ts';
import { REDACTED, toAdminForm } from './codec/proto-names.ts';
import { typeNameOf } from './codec/table.ts';

/** What a proxy holds, for `/config_dump`. */
export interface ConfigDumpInput {
  /** The accepted resources of a type (`AdsClient.kept`). */
  readonly kept: (typeUrl: string) => ReadonlyMap<string, KeptResource>;
  /** Certificates and roots by the name of their secret; there is no place for a key. */
  readonly secrets: readonly DumpedSecret[];
  /** `?include_eds`: endpoints too. */
  readonly includeEndpoints: boolean;
}

export interface DumpedSecret {
  readonly name: string;
  readonly updatedMs: number;
  /** PEM; the private key is shown as redacted beside it. */
  readonly certificateChain?: string;
  /** PEM of trusted roots. */
  readonly trustedCa?: string;
}

/**
 * The JSON of Envoy's `/config_dump` (https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump_shared.proto),
 * so that tools written for Envoy read it. Decodes everything that is kept: costs time and memory while it runs, none
 * before.
 */
export const renderConfigDump = ({ kept, secrets, includeEndpoints }: ConfigDumpInput): { configs: object[] } => {
  const dynamic = (typeUrl: string, field: string) =>
    [...kept(typeUrl)].map(([name, resource]) => ({ name, state: stateOf(typeUrl, field, resource) }));
  const states = (typeUrl: string, field: string) => dynamic(typeUrl, field).map((d) => d.state);
  const configs: object[] = [
    config('ClustersConfigDump', { dynamic_active_clusters: states(typeUrls.cluster, 'cluster') }),
    config('ListenersConfigDump', {
      dynamic_listeners: dynamic(typeUrls.listener, 'listener').map(({ name, state }) => ({
        name,
        active_state: state,
      })),
    }),
    config('RoutesConfigDump', { dynamic_route_configs: routeStates(kept) }),
    config('SecretsConfigDump', { dynamic_active_secrets: secrets.map(secretState) }),
  ];
  if (includeEndpoints)
    configs.push(
      config('EndpointsConfigDump', {
        dynamic_endpoint_configs: states(typeUrls.clusterLoadAssignment, 'endpoint_config'),
      }),
    );
  return { configs };
};

/** As Envoy shows them: with the virtual hosts that came by themselves (VHDS, `TABLE/HOST`) in their tables. */
const routeStates = (kept: ConfigDumpInput['kept']): object[] => {
  const hosts = new Map<string, object[]>();
  for (const [name, { bytes }] of kept(typeUrls.virtualHost)) {
    const table = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    const host = messageOf(typeUrls.virtualHost, bytes);
    const known = hosts.get(table);
    if (known) known.push(host);
    else hosts.set(table, [host]);
  }
  return [...kept(typeUrls.routeConfiguration)].map(([name, { version, bytes, updatedMs }]) => {
    const own = messageOf(typeUrls.routeConfiguration, bytes);
    const discovered = 'vhds' in own ? hosts.get(name) : undefined;
    return {
      version_info: version,
      route_config: { '@type': typeUrls.routeConfiguration, ...own, ...(discovered && { virtual_hosts: discovered }) },
      last_updated: time(updatedMs),
    };
  });
};

const messageOf = (typeUrl: string, bytes: Uint8Array): object => {
  const typeName = typeNameOf(typeUrl);
  return toAdminForm(typeName, decodeMessage(typeName, bytes)) as object;
};

const config = (name: string, fields: object): object => ({
  '@type': `type.googleapis.com/envoy.admin.v3.${name}`,
  ...fields,
});

const time = (ms: number): string => new Date(ms).toISOString();

const stateOf = (typeUrl: string, field: string, { version, bytes, updatedMs }: KeptResource): object => ({
  version_info: version,
  [field]: { '@type': typeUrl, ...messageOf(typeUrl, bytes) },
  last_updated: time(updatedMs),
});

const secretState = ({ name, updatedMs, certificateChain, trustedCa }: DumpedSecret): object => {
  const bytes = (text: string) => ({ inline_bytes: Buffer.from(text).toString('base64') });
  return {
    name,
    last_updated: time(updatedMs),
    secret: {
      '@type': typeUrls.secret,
      name,
      ...(certificateChain !== undefined && {
        tls_certificate: { certificate_chain: bytes(certificateChain), private_key: bytes(REDACTED) },
      }),
      ...(trustedCa !== undefined && { validation_context: { trusted_ca: bytes(trustedCa) } }),
    },
  };
};
