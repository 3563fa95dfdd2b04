import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typeUrls } from '@weft/xds-api/type-urls';
import type { KeptResource } from './client/kept-resources.ts';
import { encodeMessage } from './codec/encode.ts';
import { typeNameOf } from './codec/table.ts';
import { renderConfigDump } from './config-dump.ts';

const keep =
  (resources: Record<string, object[]>) =>
  (typeUrl: string): ReadonlyMap<string, KeptResource> =>
    new Map(
      (resources[typeUrl] ?? []).map((json, i) => [
        `r${i}`,
        { version: `v${i}`, updatedMs: 0, bytes: encodeMessage(typeNameOf(typeUrl), json) },
      ]),
    );

test('resources are shown under the names that Envoy gives its fields', () => {
  const kept = keep({
    [typeUrls.cluster]: [
      {
        name: 'a',
        type: 'EDS',
        connectTimeout: '1s',
        outlierDetection: { consecutive5xx: 3 },
        metadata: { filterMetadata: { camelCase: { keptAsIs: true } } },
        typedExtensionProtocolOptions: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            explicitHttpConfig: { http2ProtocolOptions: { maxConcurrentStreams: 5 } },
          },
        },
      },
    ],
    [typeUrls.listener]: [{ name: 'l', statPrefix: 's' }],
    [typeUrls.routeConfiguration]: [{ name: 'http_proxy' }],
    [typeUrls.clusterLoadAssignment]: [{ clusterName: 'a' }],
  });
  const dump = (includeEndpoints: boolean) => renderConfigDump({ kept, secrets: [], includeEndpoints }).configs;
  assert.deepEqual(dump(false)[0], {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
    dynamic_active_clusters: [
      {
        version_info: 'v0',
        cluster: {
          '@type': typeUrls.cluster,
          name: 'a',
          type: 'EDS',
          connect_timeout: '1s',
          outlier_detection: { consecutive_5xx: 3 },
          metadata: { filter_metadata: { camelCase: { keptAsIs: true } } },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: { max_concurrent_streams: 5 } },
            },
          },
        },
        last_updated: '1970-01-01T00:00:00.000Z',
      },
    ],
  });
  assert.deepEqual(dump(false)[1], {
    '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
    dynamic_listeners: [
      {
        name: 'r0',
        active_state: {
          version_info: 'v0',
          listener: { '@type': typeUrls.listener, name: 'l', stat_prefix: 's' },
          last_updated: '1970-01-01T00:00:00.000Z',
        },
      },
    ],
  });
  assert.equal(dump(false).length, 4);
  assert.match(JSON.stringify(dump(true)[4]), /"endpoint_config":\{"@type":"[^"]+","cluster_name":"a"\}/);
});

test('no secret is shown, wherever it stands', () => {
  const certificate = {
    certificateChain: { inlineString: 'PUBLIC' },
    privateKey: { inlineString: 'SECRET1' },
    password: { inlineBytes: Buffer.from('SECRET2').toString('base64') },
  };
  const tls = {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    commonTlsContext: { tlsCertificates: [certificate] },
  };
  const kept = keep({ [typeUrls.cluster]: [{ name: 'a', transportSocket: { name: 'tls', typedConfig: tls } }] });
  const secrets = [{ name: 'default', updatedMs: 0, certificateChain: 'CHAIN' }];
  const text = JSON.stringify(renderConfigDump({ kept, secrets, includeEndpoints: true }));
  assert.match(
    text,
    /"certificate_chain":\{"inline_string":"PUBLIC"\},"private_key":\{"inline_string":"\[redacted\]"\}/,
  );
  assert.ok(!text.includes('SECRET') && !text.includes(Buffer.from('SECRET2').toString('base64')), text);
  const redacted = Buffer.from('[redacted]').toString('base64');
  assert.ok(text.includes(`"private_key":{"inline_bytes":"${redacted}"}`));
});

test('virtual hosts that came by themselves are shown in their table', () => {
  const version = { version: 'v', updatedMs: 0 };
  const bytes = (typeUrl: string, json: object) => encodeMessage(typeNameOf(typeUrl), json);
  const kept = new Map<string, ReadonlyMap<string, KeptResource>>([
    [
      typeUrls.routeConfiguration,
      new Map([
        ['t', { ...version, bytes: bytes(typeUrls.routeConfiguration, { name: 't', vhds: {} }) }],
        ['u', { ...version, bytes: bytes(typeUrls.routeConfiguration, { name: 'u' }) }],
      ]),
    ],
    [
      typeUrls.virtualHost,
      new Map([['t/a', { ...version, bytes: bytes(typeUrls.virtualHost, { name: 'a', domains: ['a'] }) }]]),
    ],
  ]);
  const { configs } = renderConfigDump({
    kept: (typeUrl) => kept.get(typeUrl) ?? new Map(),
    secrets: [],
    includeEndpoints: false,
  });
  const routes = configs[2] as {
    dynamic_route_configs: { route_config: { name: string; virtual_hosts?: object[] } }[];
  };
  assert.deepEqual(
    routes.dynamic_route_configs.map((r) => [r.route_config.name, r.route_config.virtual_hosts]),
    [
      ['t', [{ name: 'a', domains: ['a'] }]],
      ['u', undefined],
    ],
  );
});
