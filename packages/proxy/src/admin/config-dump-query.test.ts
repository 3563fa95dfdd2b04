import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectFromDump } from './config-dump-query.ts';

const admin = (name: string) => `type.googleapis.com/envoy.admin.v3.${name}`;
const dump = {
  configs: [
    {
      '@type': admin('ClustersConfigDump'),
      dynamic_active_clusters: [
        { version_info: '1', cluster: { '@type': 'C', name: 'a', type: 'EDS', hosts: [{ x: 1, y: 2 }] } },
        { version_info: '2', cluster: { '@type': 'C', name: 'ab', type: 'STATIC' } },
      ],
    },
    {
      '@type': admin('ListenersConfigDump'),
      dynamic_listeners: [{ name: 'l', active_state: { version_info: '3' } }],
    },
  ],
};
const select = (query: string): unknown => selectFromDump(dump, new URLSearchParams(query));

test('without a query there is everything', () => {
  assert.deepEqual(select(''), dump);
  assert.deepEqual(select('mask='), dump);
});

test('a resource is one field of the dumps, each with its own type', () => {
  assert.deepEqual(select('resource=dynamic_listeners'), {
    configs: [
      {
        '@type': admin('ListenersConfigDump.DynamicListener'),
        name: 'l',
        active_state: { version_info: '3' },
      },
    ],
  });
  assert.deepEqual(select('resource=dynamic_endpoint_configs'), { configs: [] });
  assert.equal(select('resource=bootstrap'), 'bootstrap not found in config dump\n');
});

test('a mask keeps the fields at its paths, in lists too', () => {
  assert.deepEqual(select('resource=dynamic_active_clusters&mask=cluster.name,cluster.hosts.x,version_info'), {
    configs: [
      {
        '@type': admin('ClustersConfigDump.DynamicCluster'),
        version_info: '1',
        cluster: { '@type': 'C', name: 'a', hosts: [{ x: 1 }] },
      },
      {
        '@type': admin('ClustersConfigDump.DynamicCluster'),
        version_info: '2',
        cluster: { '@type': 'C', name: 'ab' },
      },
    ],
  });
  assert.deepEqual(select('mask=dynamic_listeners.name'), {
    configs: [
      { '@type': admin('ClustersConfigDump') },
      { '@type': admin('ListenersConfigDump'), dynamic_listeners: [{ name: 'l' }] },
    ],
  });
});

test('a regular expression finds whole names, of clusters by what they hold', () => {
  const names = (query: string): unknown =>
    (select(`resource=dynamic_active_clusters&${query}`) as { configs: { cluster: { name: string } }[] }).configs.map(
      (c) => c.cluster.name,
    );
  assert.deepEqual([names('name_regex=a'), names('name_regex=a.*'), names('name_regex=x')], [['a'], ['a', 'ab'], []]);
  assert.match(select('name_regex=(') as string, /^Invalid re2 regex/);
  const all = select('name_regex=l') as typeof dump;
  assert.deepEqual(all.configs[0]?.dynamic_active_clusters, []);
  assert.equal(all.configs[1]?.dynamic_listeners?.length, 1);
});
