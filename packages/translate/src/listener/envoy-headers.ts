import type { Mesh, Pod } from '@weft/model/mesh';
import type { HeaderMutation } from '@weft/xds-api/gen/envoy/config/common/mutation_rules/v3';
import type { HeaderMutation as HeaderMutationFilter } from '@weft/xds-api/gen/envoy/extensions/filters/http/header_mutation/v3';
import type { HttpFilter } from '@weft/xds-api/gen/envoy/extensions/filters/network/http_connection_manager/v3';
import { nodeId } from '../names.ts';
import { extension } from '../typed.ts';
import { peerMetadata } from './peer-metadata.ts';

/**
 * What our proxy does with `x-envoy-*` by itself, as filters for Envoy: nobody outside the mesh sets such headers, and
 * between sidecars they carry who calls (Istio's metadata exchange). Envoy alone would trust them here, since it does
 * not count a sidecar as an edge.
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/header_sanitizing
 */
const ID_HEADER = 'x-envoy-peer-metadata-id';
const METADATA_HEADER = 'x-envoy-peer-metadata';

const everyEnvoyHeader: HeaderMutation = { removeOnMatch: { keyMatcher: { prefix: 'x-envoy-' } } };

/** Outbound: nothing of the application's own, and which workload each request comes from. */
export const sendPeerMetadata = (mesh: Mesh, pod: Pod): HttpFilter =>
  headerMutation([everyEnvoyHeader, set(ID_HEADER, nodeId(mesh, pod)), set(METADATA_HEADER, peerMetadata(pod))]);

/** Inbound, from a sidecar: its attempt count and time limit pass on to the application, what commands Envoy does not. */
export const sieveFromPeers = (): HttpFilter => headerMutation(COMMANDS.map((name) => ({ remove: name })));

/** Inbound, from anyone. */
export const sieveFromOutside = (): HttpFilter => headerMutation([everyEnvoyHeader]);

/** Headers that Envoy obeys, and those that only sidecars read. */
const COMMANDS: readonly string[] = [
  ID_HEADER,
  METADATA_HEADER,
  'x-envoy-decorator-operation',
  'x-envoy-force-trace',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-ip-tags',
  'x-envoy-max-retries',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
];

const headerMutation = (requestMutations: HeaderMutation[]): HttpFilter =>
  extension('envoy.filters.http.header_mutation', 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
    mutations: { requestMutations },
  } satisfies HeaderMutationFilter);

const set = (key: string, value: string): HeaderMutation => ({
  append: { header: { key, value }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
});
