import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheusText } from '@weft/telemetry/prometheus-text';
import { statsPage } from '../admin/stats-page.ts';
import { clusterConfig, TestCluster } from '../testing/data-path.ts';
import { collectStats } from './collect-stats.ts';
import { ProxyStats } from './proxy-stats.ts';
import type { Stat } from './stat-list.ts';

const server = {
  uptimeS: 5,
  state: 0,
  activeClusters: 3,
  listeners: { active: 2, warming: 0, draining: 1 },
  daysUntilFirstCertExpiring: 1,
} as const;

const stats = (): readonly Stat[] => {
  const all = new ProxyStats();
  all.listener('127.0.0.1_15001').downstream_cx_total = 7;
  const http = all.http('outbound_http_proxy');
  http.rbac.denied = 1;
  for (const status of [200, 204, 503]) http.responses.add(status);
  all.http('unused');
  all.tcp('outbound|5432||db').downstream_cx_total = 1;
  const limits = { ...clusterConfig('a', []).limits, maxRequests: 2 };
  const cluster = new TestCluster(clusterConfig('outbound|80||a', [1, 2], { limits }));
  cluster.stats.upstream_rq_total = 4;
  cluster.stats.outlier_detection.ejections_active = 1;
  cluster.stats.tls.handshake = 2;
  for (const status of [200, 200, 404, 503]) cluster.stats.responses.add(status);
  for (const ms of [0.2, 3, 3, 8]) cluster.stats.upstream_rq_time.record(ms);
  cluster.activeRequests = 2;
  return collectStats(all, [cluster], server);
};

const page = (query: string): string =>
  statsPage({ exposition: () => '# TYPE istio_x counter\nistio_x{a="b"} 3\n', stats }, new URLSearchParams(query)).body;

test('names are Envoy’s, numbers first and histograms after them', () => {
  const text = page('');
  for (const line of [
    'cluster.outbound|80||a.upstream_rq_total: 4',
    'cluster.outbound|80||a.upstream_rq_completed: 4',
    'cluster.outbound|80||a.upstream_rq_2xx: 2',
    'cluster.outbound|80||a.upstream_rq_404: 1',
    'cluster.outbound|80||a.membership_total: 2',
    'cluster.outbound|80||a.circuit_breakers.default.rq_open: 1',
    'cluster.outbound|80||a.circuit_breakers.default.remaining_rq: 0',
    'cluster.outbound|80||a.circuit_breakers.default.cx_open: 0',
    'cluster.outbound|80||a.outlier_detection.ejections_active: 1',
    'cluster.outbound|80||a.ssl.handshake: 2',
    'listener.127.0.0.1_15001.downstream_cx_total: 7',
    'http.outbound_http_proxy.downstream_rq_2xx: 2',
    'http.outbound_http_proxy.downstream_rq_5xx: 1',
    'http.outbound_http_proxy.rbac.denied: 1',
    'tcp.outbound|5432||db.downstream_cx_total: 1',
    'server.live: 1',
    'listener_manager.total_listeners_active: 2',
    'istio_x{a="b"}: 3',
  ])
    assert.ok(text.includes(`${line}\n`), line);
  assert.doesNotMatch(text, /downstream_rq_200/);
  assert.match(text, /upstream_rq_time: P0\(nan,0\).* P100\(nan,10\)\n/);
  assert.match(text, /upstream_cx_connect_ms: No recorded values\n/);
  const lines = text.split('\n');
  assert.ok(lines.findIndex((l) => l.includes('upstream_rq_time: ')) > lines.findIndex((l) => l.startsWith('tcp.')));
});

test('a filter is a regular expression that finds something in a name; usedonly leaves out what is 0', () => {
  assert.equal(page('filter=a\\.upstream_rq_[45]'), page('filter=upstream_rq_(4|5)'));
  assert.deepEqual(page('filter=%5Ecluster.*rq_[45]').split('\n'), [
    'cluster.outbound|80||a.upstream_rq_404: 1',
    'cluster.outbound|80||a.upstream_rq_4xx: 1',
    'cluster.outbound|80||a.upstream_rq_503: 1',
    'cluster.outbound|80||a.upstream_rq_5xx: 1',
    '',
  ]);
  assert.match(page('filter=('), /Invalid re2 regex/);
  assert.doesNotMatch(page('usedonly'), /http\.unused|: 0\n|No recorded/);
  assert.match(page('usedonly&type=Gauges'), /remaining_cx/);
  assert.doesNotMatch(page('usedonly&type=Gauges'), /upstream_rq_total/);
});

test('in JSON they are numbers', () => {
  const { stats: list } = JSON.parse(page('format=json&filter=upstream_rq_t')) as { stats: object[] };
  assert.deepEqual(list[0], { name: 'cluster.outbound|80||a.upstream_rq_timeout', value: 0 });
  assert.deepEqual(list[1], { name: 'cluster.outbound|80||a.upstream_rq_total', value: 4 });
  assert.ok('histograms' in (list.at(-1) ?? {}));
});

test('Prometheus gets Envoy’s names and labels', () => {
  const text = page('format=prometheus');
  const samples = parsePrometheusText(text);
  const find = (name: string, labels: Record<string, string>): number | undefined =>
    samples.find((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels.get(k) === v))?.value;
  const cluster = { envoy_cluster_name: 'outbound|80||a' };
  assert.equal(find('envoy_cluster_upstream_rq_total', cluster), 4);
  assert.equal(find('envoy_cluster_upstream_rq_xx', { ...cluster, envoy_response_code_class: '4' }), 1);
  assert.equal(find('envoy_cluster_upstream_rq', { ...cluster, envoy_response_code: '200' }), 2);
  assert.equal(find('envoy_cluster_circuit_breakers_default_rq_open', cluster), 1);
  assert.equal(find('envoy_cluster_upstream_rq_time_bucket', { ...cluster, le: '5' }), 3);
  assert.equal(find('envoy_cluster_upstream_rq_time_count', cluster), 4);
  assert.equal(find('envoy_listener_downstream_cx_total', { envoy_listener_address: '127.0.0.1_15001' }), 7);
  const http = { envoy_http_conn_manager_prefix: 'outbound_http_proxy' };
  assert.equal(find('envoy_http_downstream_rq_xx', { ...http, envoy_response_code_class: '5' }), 1);
  assert.equal(find('envoy_http_rbac_denied', http), 1);
  assert.equal(find('istio_x', { a: 'b' }), 3);
  const types = text.match(/^# TYPE \S+/gm) ?? [];
  assert.equal(new Set(types).size, types.length);
});
